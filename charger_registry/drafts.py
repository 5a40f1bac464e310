"""What is to be filed: sites, stations, organisations and roles, as an import or the sample county describes them.

A member that is None says nothing: what is filed stays.
"""

from dataclasses import dataclass, field
from datetime import date, datetime

from charger_registry.equipment.opening_hours import OpeningHours


@dataclass(frozen=True, slots=True)
class ConnectorDraft:
    """A connector by our number, and the EVSE that it belongs to; codes are text with their leading zeros."""

    connector: int
    evse: int
    name: str | None = None
    type: str | None = None
    format: str | None = None
    current_type: str | None = None
    power_w: int | None = None
    voltage_v: int | None = None
    current_a: int | None = None
    national_standard: int | None = None
    cec_connector_id: str | None = None
    ocpi_connector_id: str | None = None
    evse_id: str | None = None
    bay: str | None = None


@dataclass(frozen=True, slots=True)
class MeterDraft:
    """The meter of a station (`connector` 0), or of one of its connectors."""

    connector: int = 0
    serial_number: str | None = None
    certificate_number: str | None = None
    verified_on: date | None = None
    verification_due_on: date | None = None


@dataclass(frozen=True, slots=True)
class StationDraft:
    """A charging station to be filed; `connector_files`: all that it has, else so many as `connectors` says.

    `reinstated`: why one that was retired stands again.
    """

    id: str
    connectors: int | None = None
    power_w: int | None = None
    current_type: str | None = None
    name: str | None = None
    vendor: str | None = None
    model: str | None = None
    serial_number: str | None = None
    manufacturer_code: str | None = None
    made_on: date | None = None
    cec_equipment_id: str | None = None
    connector_files: tuple[ConnectorDraft, ...] = ()
    meters: tuple[MeterDraft, ...] = ()
    reinstated: str | None = None


@dataclass(frozen=True, slots=True)
class PartyDraft:
    """Who is to have a role at a site, as a file names it: an organisation by id, social credit code, operator code or name.

    `since` None: from the day on which the file is brought; `until`: the last day.
    """

    role: str
    organisation: str
    since: date | None = None
    until: date | None = None
    evidence_kind: str = "other"
    evidence_number: str = ""


@dataclass(frozen=True, slots=True)
class PriceBand:
    """From `begin` to `end` of a day (`HH:MM`), amounts a kWh as decimal text."""

    begin: str
    end: str
    energy_per_kwh: str | None = None
    service_per_kwh: str | None = None


@dataclass(frozen=True, slots=True)
class PriceDraft:
    """The fees that the public is shown, in bands of the day or in the words of whoever asks them."""

    bands: tuple[PriceBand, ...] = ()
    energy_text: str | None = None
    service_text: str | None = None
    parking_text: str | None = None
    idle_text: str | None = None
    currency: str = "CNY"


@dataclass(frozen=True, slots=True)
class SiteDraft:
    """A site to be filed; the point as given, degrees in the named system.

    `stations`: all that belong to it from now on (others are retired, unless `whole` is false); None: those that are filed, or so
    many as are `counted`. `partly`: of these stations something could not be used, what is filed of them stays. `reinstated`: why a
    site that was retired stands again, and its stations with it.
    """

    id: str
    name: str | None
    longitude: float
    latitude: float
    crs: str = "wgs84"
    address: str | None = None
    division_code: str | None = None
    stations: tuple[StationDraft, ...] | None = ()
    generated: bool = False
    whole: bool = True
    partly: frozenset[str] = frozenset()
    counted: int | None = None
    position: str | None = None
    usage: str | None = None
    construction: str | None = None
    bays: int | None = None
    accessible_bays: int | None = None
    opening_hours: OpeningHours | None = None
    help_phone: str | None = None
    site_phone: str | None = None
    parking: str | None = None
    parking_rules: str | None = None
    guide: str | None = None
    renewable: bool | None = None
    operator_code: str | None = None
    cec_station_id: str | None = None
    ocpi_country_code: str | None = None
    ocpi_party_id: str | None = None
    ocpi_location_id: str | None = None
    price: PriceDraft | None = None
    parties: tuple[PartyDraft, ...] = ()
    reinstated: str | None = None


@dataclass(frozen=True, slots=True)
class OrganisationDraft:
    """An organisation to be filed."""

    id: str
    name: str
    uscc: str | None = None
    phone: str | None = None
    generated: bool = False
    operator_code: str | None = None


@dataclass(frozen=True, slots=True)
class RoleDraft:
    """A line of the ledger to be filed; `evidence` is a note on the document that the line rests on."""

    site_id: str
    role: str
    organisation_id: str
    since: datetime
    until: datetime | None = None
    origin: str = "import"
    evidence: str = ""
    evidence_kind: str = "other"
    evidence_number: str = ""


@dataclass(frozen=True, slots=True)
class SourceDraft:
    """Who or what says it: an import, a person, a filing, the sample."""

    kind: str
    name: str
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Filing:
    """Everything that is filed together; with a `source` each changed field remembers it."""

    sites: tuple[SiteDraft, ...] = ()
    organisations: tuple[OrganisationDraft, ...] = ()
    roles: tuple[RoleDraft, ...] = ()
    retired_site_ids: tuple[str, ...] = field(default=())
    source: SourceDraft | None = None
