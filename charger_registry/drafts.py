"""What is to be filed: sites, stations, organisations and roles, as an import or the sample county describes them."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StationDraft:
    """A charging station to be filed."""

    id: str
    connectors: int = 1
    power_w: int = 7_000
    current_type: str = "AC"


@dataclass(frozen=True, slots=True)
class SiteDraft:
    """A site to be filed; the point as given, degrees in the named system.

    `stations`: all that belong to it from now on (others are retired); None: those that are filed.
    """

    id: str
    name: str
    longitude: float
    latitude: float
    crs: str = "wgs84"
    address: str = ""
    division_code: str | None = None
    stations: tuple[StationDraft, ...] | None = ()
    generated: bool = False


@dataclass(frozen=True, slots=True)
class OrganisationDraft:
    """An organisation to be filed."""

    id: str
    name: str
    uscc: str | None = None
    phone: str | None = None
    generated: bool = False


@dataclass(frozen=True, slots=True)
class RoleDraft:
    """A line of the ledger to be filed."""

    site_id: str
    role: str
    organisation_id: str
    since: datetime
    until: datetime | None = None
    origin: str = "import"
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Filing:
    """Everything that is filed together."""

    sites: tuple[SiteDraft, ...] = ()
    organisations: tuple[OrganisationDraft, ...] = ()
    roles: tuple[RoleDraft, ...] = ()
    retired_site_ids: tuple[str, ...] = field(default=())
