"""What is published of a site and when that last changed: filed and known go in, what is to be written comes out. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from charger_registry.equipment.opening_hours import OpeningHours
from charger_registry.fees import posting
from youguan.events import NOT_FOR_THE_PUBLIC
from youguan.web.times import UtcTime

Condition = Literal["available", "occupied", "charging", "reserved", "unavailable", "faulted", "unknown"]
# What holds for an EVSE of several connectors: of what they say the first. One in order is enough to charge; it is out of
# order only when all of them are.
ORDER: tuple[Condition, ...] = (
    "charging", "occupied", "reserved", "available", "unknown", "unavailable", "faulted",
)  # fmt: skip
LONGEST_ID = 36
EvseKey = tuple[str, str, int]


def moves_public(before: str | None, after: str | None) -> bool:
    """Say whether a change of usage takes a site away from the public, or opens it: the authority decides that."""
    return (before in NOT_FOR_THE_PUBLIC) != (after in NOT_FOR_THE_PUBLIC)


class Document(BaseModel):
    """What is kept as JSON."""

    model_config = ConfigDict(frozen=True)


class Party(Document):
    """An organisation that answers for a site."""

    id: str
    name: str
    uscc: str | None = Field(description="unified social credit code")
    operator_code: str | None = Field(description="by which operators' platforms name it (T/CEC 102)")


class Band(Document):
    """From `begin` to `end` of a day (`HH:MM`) what a kWh costs, taxes included; amounts as decimal text."""

    begin: str
    end: str
    energy_per_kwh: str | None
    service_per_kwh: str | None


class Price(Document):
    """The fees that the public is shown, in bands of the day or in words."""

    id: str
    currency: str
    bands: tuple[Band, ...]
    energy_text: str | None
    service_text: str | None
    parking_text: str | None
    idle_text: str | None
    valid_from: UtcTime
    valid_until: UtcTime | None


class SiteDocument(Document):
    """What is filed of a site; WGS-84 degrees."""

    name: str
    address: str
    division_code: str | None
    division_name: str | None
    division_name_en: str | None
    longitude: float
    latitude: float
    position: str = Field(
        default="unverified",
        description="verified: within the boundary of its division; unverified: not held against one",
    )
    operator: Party | None = Field(description="who manages it; null: nobody does")
    owner: Party | None
    usage: str | None = Field(description="for whom it is: public, bus, taxi …")
    construction: str | None = Field(description="where it stands: roadside, motorway, residential …")
    bays: int | None = Field(description="parking spaces")
    accessible_bays: int | None = Field(description="of these for people with disabilities")
    opening_hours: OpeningHours | None
    help_phone: str | None
    parking: str | None = Field(description="whether parking costs: free, paid …")
    parking_rules: str | None
    guide: str | None = Field(description="how to find it")
    renewable: bool | None = Field(description="whether all of the electricity is from renewable sources")
    price: Price | None = Field(description="what holds for every station that has no price of its own")


class ConnectorDocument(Document):
    """A plug or socket by its number within the station; `type` is OCPI's word, as is `format`."""

    connector: int
    type: str | None
    format: str | None = Field(description="SOCKET or CABLE")
    current_type: str = Field(description="AC or DC")
    power_w: int
    voltage_v: int | None
    current_a: int | None
    price_id: str | None = Field(description="the price that holds for it: the station's own, else the site's")
    updated_at: UtcTime


class EvseDocument(Document):
    """What is filed of an EVSE; `power_w` is the station's, which its EVSEs may share."""

    power_w: int
    evse_id: str | None
    bay: str | None
    price: Price | None = Field(description="the station's own; null: the site's holds")
    connectors: tuple[ConnectorDocument, ...]


@dataclass(frozen=True, slots=True)
class PublishedEvse:
    """An EVSE as it is published; `since`: from when on its condition holds, as the station says."""

    station_id: str
    evse: int
    uid: str
    document: EvseDocument
    condition: Condition
    since: datetime | None
    updated_at: datetime
    removed: bool


@dataclass(frozen=True, slots=True)
class PublishedSite:
    """A site as it is published, with its EVSEs; `number` sorts those that were published first before others."""

    site_id: str
    number: int
    location_id: str
    document: SiteDocument
    updated_at: datetime
    evses: Sequence[PublishedEvse]


@dataclass(frozen=True, slots=True)
class KnownEvse:
    """An EVSE as it was published last."""

    document: EvseDocument
    removed: bool


@dataclass(frozen=True, slots=True)
class EvseChanges:
    """What is to be written of EVSEs, and which of them are there no longer."""

    written: Mapping[EvseKey, EvseDocument]
    removed: Sequence[EvseKey]

    @property
    def site_ids(self) -> set[str]:
        """Return the sites that these changes are of."""
        return {key[0] for key in (*self.written, *self.removed)}


def evse_changes(
    known: Mapping[EvseKey, KnownEvse], filed: Mapping[EvseKey, EvseDocument], now: datetime
) -> EvseChanges:
    """Compare what is published with what is filed; a connector that did not change keeps the time of its last change."""
    written = {}
    for key, document in filed.items():
        before = known.get(key)
        fresh = _dated(before.document.connectors if before else (), document, now)
        if before is None or before.removed or before.document != fresh:
            written[key] = fresh
    return EvseChanges(written, [key for key, evse in known.items() if not evse.removed and key not in filed])


def _dated(before: Iterable[ConnectorDocument], document: EvseDocument, now: datetime) -> EvseDocument:
    times = {connector.connector: connector for connector in before}
    return document.model_copy(
        update={"connectors": tuple(_dated_connector(times.get(c.connector), c, now) for c in document.connectors)}
    )


def _dated_connector(before: ConnectorDocument | None, filed: ConnectorDocument, now: datetime) -> ConnectorDocument:
    if before is not None and before == filed.model_copy(update={"updated_at": before.updated_at}):
        return before
    return filed.model_copy(update={"updated_at": now})


def evse_condition(
    online: bool, told: Mapping[str, str], numbers: Collection[int], *, closed: bool = False
) -> Condition:
    """Return what holds for an EVSE by what its connectors said last (connector → condition).

    Offline nothing is known; where the site is not in operation (`closed`) nobody can charge, whatever they say.
    """
    said = {told.get(str(number), "unknown") for number in numbers} if online else {"unknown"}
    condition: Condition = next((condition for condition in ORDER if condition in said), "unknown")
    return "unavailable" if closed and condition != "unknown" else condition


def band_at(price: Price | None, now: datetime) -> Band | None:
    """Return what a kWh costs at an instant, by the county's clock; None where no amount is posted."""
    return posting.band_at(price.bands, now) if price else None


def per_kwh(band: Band) -> Decimal | None:
    """Return what a kWh costs altogether, energy and service; None where neither is posted."""
    given = [Decimal(amount) for amount in (band.energy_per_kwh, band.service_per_kwh) if amount is not None]
    return sum(given, Decimal()) if given else None


def public_id(*parts: str | int) -> str:
    """Return an identifier that OCPI can carry: at most 36 printable ASCII characters; what does not fit as its hash."""
    plain = "*".join(map(str, parts))
    if 0 < len(plain) <= LONGEST_ID and plain.isascii() and plain.isprintable() and not set(plain) & set(" /?#%"):
        return plain
    return sha256(plain.encode()).hexdigest()[:LONGEST_ID]


def to_the_millisecond(moment: datetime) -> datetime:
    """Return a time as precise as it is told, so that who asks from or up to it is answered by what he was told."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def prices_of(sites: Mapping[str, SiteDocument], evses: Mapping[EvseKey, EvseDocument]) -> dict[int, tuple[str, Price]]:
    """Return the prices that hold at sites: posting → site and price."""
    found = [(site_id, site.price) for site_id, site in sites.items()]
    found += [(key[0], evse.price) for key, evse in evses.items()]
    return {int(price.id): (site_id, price) for site_id, price in found if price is not None}
