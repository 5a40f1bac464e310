"""What the sample invents beside sites and roles: connectors, codes, fees, hours, meters. Pure, from a seed and a site's id."""

from dataclasses import replace
from datetime import date, timedelta
from math import ceil
from random import Random

from charger_registry.drafts import (
    ConnectorDraft,
    MeterDraft,
    OrganisationDraft,
    PriceBand,
    PriceDraft,
    RoleDraft,
    SiteDraft,
    StationDraft,
)
from charger_registry.equipment import opening_hours
from deploy.demo.county import SEED

PLATFORM = "395815801"
PLATFORM_SHARE = 10
VENDORS = (("示例充电设备甲厂", "SA"), ("示例充电设备乙厂", "SB"), ("示例充电设备丙厂", "SC"))
HOURS = ("24小时", "24小时", "24小时", "06:00-22:00", "周一至周五 07:00-21:00; 周六至周日 08:00-20:00")
PARKING = (
    ("free", "免费停车"),
    ("free_while_charging", "充电期间免费，充满后 30 分钟内驶离"),
    ("paid", "停车费按停车场公示标准收取"),
)
IDLE = "充满 30 分钟后每分钟 0.20 元，每日封顶 50 元"
PLACES = ("public_institution", "office", "car_park", "industrial_park", "roadside")
FIRST_VERIFIED = date(2023, 9, 1)
VERIFIED_FOR = timedelta(days=3 * 365)
LONGEST_CODED_ID = 15  # a longer id of a file has no room in the codes


def equipped(site: SiteDraft, operator_code: str | None) -> SiteDraft:
    """Return a site with what the sample invents; what the draft says already stays."""
    random = Random(f"{SEED} {site.id}")
    parking, rules = random.choice(PARKING)
    code = site.id.removeprefix("NH").zfill(15) if len(site.id) <= LONGEST_CODED_ID and operator_code else None
    stations = tuple(_station(random, code, n, station) for n, station in enumerate(site.stations or (), 1))
    bays = sum(len(station.connector_files) for station in stations)
    return replace(
        site,
        stations=stations if site.stations is not None else None,
        usage="public",
        construction=random.choice(PLACES),
        bays=bays or None,
        accessible_bays=bays // 20,
        opening_hours=opening_hours.read(random.choice(HOURS)),
        help_phone=f"400-000-{random.randint(0, 9999):04d}",
        parking=parking,
        parking_rules=rules,
        renewable=random.random() < 0.2,
        operator_code=operator_code if code else None,
        cec_station_id=code,
        price=_price(random),
    )


def _station(random: Random, code: str | None, number: int, station: StationDraft) -> StationDraft:
    vendor, model = random.choice(VENDORS)
    power_w, current = station.power_w or 7_000, station.current_type or "AC"
    equipment = f"{code}{number:05d}" if code else None
    made = date(2022, 1, 1) + timedelta(days=random.randint(0, 500))
    verified = FIRST_VERIFIED + timedelta(days=random.randint(0, 1000))
    connectors = range(1, (station.connectors or 1) + 1)
    return replace(
        station,
        name=f"{number} 号桩",
        vendor=vendor,
        model=f"{model}{current}{power_w // 1000:03d}",
        serial_number=f"{random.randint(0, 10**10 - 1):010d}",
        made_on=made,
        cec_equipment_id=equipment,
        connector_files=tuple(_connector(n, equipment, power_w, current) for n in connectors),
        meters=(MeterDraft(0, f"{random.randint(0, 10**12 - 1):012d}", None, verified, verified + VERIFIED_FOR),),
    )


def _connector(number: int, equipment: str | None, power_w: int, current: str) -> ConnectorDraft:
    voltage_v = 750 if current == "DC" else 220
    return ConnectorDraft(
        connector=number,
        evse=number,
        type="GBT_DC" if current == "DC" else "GBT_AC",
        format="CABLE",
        current_type=current,
        power_w=power_w,
        voltage_v=voltage_v,
        current_a=round(power_w / voltage_v),
        national_standard=2,
        cec_connector_id=f"{equipment}{number:02d}" if equipment else None,
    )


def _price(random: Random) -> PriceDraft:
    service = f"0.{random.randint(20, 60):02d}00"
    bands = (("00:00", "08:00", "0.3200"), ("08:00", "11:00", "1.0500"), ("11:00", "13:00", "0.3200"),
             ("13:00", "22:00", "1.0500"), ("22:00", "24:00", "0.6800"))  # fmt: skip
    return PriceDraft(
        bands=tuple(PriceBand(begin, end, energy, service) for begin, end, energy in bands), idle_text=IDLE
    )


def operator_codes(
    site_ids: list[str], roles: tuple[RoleDraft, ...], organisations: tuple[OrganisationDraft, ...]
) -> dict[str, str | None]:
    """Return whose T/CEC 102 code each site bears: the platform's the last tenth, else that of its manager.

    The last, since the simulated fleet begins with the first: what speaks OCPP for itself needs no platform.
    """
    code_of = {organisation.id: (organisation.uscc or "")[8:17] or None for organisation in organisations}
    managers = {r.site_id: code_of[r.organisation_id] for r in roles if r.role == "manager" and r.until is None}
    platform = dict.fromkeys(sorted(site_ids)[-ceil(len(site_ids) / PLATFORM_SHARE) :], PLATFORM)
    return {site_id: platform.get(site_id, managers.get(site_id)) for site_id in site_ids}
