"""A station's file in the browser: its plate, connectors, EVSEs and meters, as a form that keeps what was typed."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import quote

import asyncpg
from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry import store as registry
from charger_registry.drafts import StationDraft
from charger_registry.equipment import store
from charger_registry.equipment.connector_types import FORMATS, TYPES
from charger_registry.equipment.desk import SiteDesk
from charger_registry.equipment.station_file import StationFileIn, station_draft
from charger_registry.provenance.store import provenance
from youguan.auth import OPERATOR, REGULATOR, Principal
from youguan.clock import Clock, county_day
from youguan.errors import Invalid, Reason, YouguanError
from youguan.web.problems import checked
from youguan.web.routes import Router
from youguan.web.security import remote_of, require_site
from youguan.web.templates import Templates

PLATE = {
    "name": "名称", "power_kw": "功率 kW", "current_type": "交流/直流", "vendor": "生产厂家", "model": "型号",
    "serial_number": "出厂编号", "manufacturer_code": "厂家代码", "made_on": "出厂日期", "cec_equipment_id": "充电设备编码",
}  # fmt: skip
CONNECTOR = {
    "connector": "枪号", "evse": "充电位编号", "name": "名称", "type": "枪类型", "format": "枪形式", "current_type": "交流/直流",
    "power_kw": "功率 kW", "voltage_v": "额定电压 V", "current_a": "额定电流 A", "national_standard": "国标版本",
    "cec_connector_id": "充电接口编码", "ocpi_connector_id": "OCPI 接口编号", "evse_id": "EVSE 编号", "bay": "车位号",
}  # fmt: skip
METER = {
    "connector": "枪号（0 为整桩）", "serial_number": "电能表编号", "certificate_number": "检定证书编号", "verified_on": "检定日期",
    "verification_due_on": "检定有效期至",
}  # fmt: skip
LABELS = {
    **METER,
    **CONNECTOR,
    **PLATE,
    "power_w": "功率",
    "connectors": "枪数",
    "site_id": "场站",
    "price": "费用公示",
}
SAID_OF = {"station": "充电桩", "connector": "充电枪", "evse": "充电位", "meter": "电能表"}
SOURCES = {"import": "导入", "person": "人员", "filing": "备案", "sample": "演示数据"}
KILOWATTS = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)
MEMBER = re.compile(r"(connectors|meters)\[(\d{1,3})\]\.(\w+)")
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form: text by field."""

    plate: Row
    connectors: list[Row]
    meters: list[Row]


def station_file_pages(pool: asyncpg.Pool, desk: SiteDesk, templates: Templates, clock: Clock) -> APIRouter:
    """Return /registry/sites/{site}/stations/{station}."""
    router = Router(prefix="/registry/sites/{site_id}/stations")
    may_change = require_site(pool, REGULATOR, OPERATOR)

    async def page(
        request: Request, site_id: str, station_id: str, typed: Typed | None = None, error: YouguanError | None = None
    ) -> Response:
        async with pool.acquire() as connection:
            site = await registry.get_site(connection, site_id)
            draft = await store.station_file(connection, site_id, station_id)
            said = await provenance(connection, site_id, station_id)
        return templates.render(
            request, "station_file.html", status_code=error.status if error else 200, site=site, station_id=station_id,
            typed=typed or as_typed(draft), error=error, plate=PLATE, connector=CONNECTOR, meter=METER, types=TYPES,
            formats=FORMATS, said=said, said_of=SAID_OF, sources=SOURCES, labels=LABELS, today=county_day(clock.now()),
        )  # fmt: skip

    @router.get("/{station_id}")
    async def show(
        request: Request, site_id: str, station_id: str, _: Annotated[Principal, Depends(may_change)]
    ) -> Response:
        return await page(request, site_id, station_id)

    @router.post("/{station_id}")
    async def save(
        request: Request, site_id: str, station_id: str, who: Annotated[Principal, Depends(may_change)]
    ) -> Response:
        typed = typed_of({name: str(value).strip() for name, value in (await request.form()).items()})
        try:
            draft = station_draft(station_id, read(typed))
            await desk.write_station(who, site_id, draft, remote=remote_of(request))
        except YouguanError as error:
            return await page(request, site_id, station_id, typed, error)
        return RedirectResponse(f"/registry/sites/{quote(site_id, safe='')}/equipment#stations", 303)

    return router


def as_typed(draft: StationDraft) -> Typed:
    """Return a station as its form shows it."""
    return Typed(
        _texts(
            {
                name: value
                for name, value in asdict(draft).items()
                if name not in ("connector_files", "meters", "reinstated")
            }
        ),
        [_texts(asdict(connector)) for connector in draft.connector_files],
        [_texts(asdict(meter)) for meter in draft.meters],
    )


def _texts(members: Mapping[str, Any]) -> Row:
    texts = {name: "" if value is None else str(value) for name, value in members.items()}
    power = members.get("power_w")
    return texts | {"power_kw": f"{power / 1000:g}" if power else ""}


def typed_of(form: Mapping[str, str]) -> Typed:
    """Return what a form says; a connector without a number and a meter of which nothing is said are left out."""
    rows: dict[str, dict[int, dict[str, str]]] = {"connectors": {}, "meters": {}}
    for name, text in form.items():
        if found := MEMBER.fullmatch(name):
            rows[found[1]].setdefault(int(found[2]), {})[found[3]] = text
    connectors = [row for _, row in sorted(rows["connectors"].items()) if row.get("connector")]
    meters = [row for _, row in sorted(rows["meters"].items()) if any(row.get(n) for n in METER if n != "connector")]
    return Typed({name: form.get(name, "") for name in PLATE}, [*connectors], [*meters])


def read(typed: Typed) -> StationFileIn:
    """Return the file that a form says; Invalid by field."""
    connectors = [
        {**_said(row, CONNECTOR), "power_w": _watts(row, f"connectors[{place}].power_kw")}
        for place, row in enumerate(typed.connectors)
    ]
    plate = {**_said(typed.plate, PLATE), "power_w": _watts(typed.plate, "power_kw")}
    meters = [{**_said(row, METER), "connector": row.get("connector") or "0"} for row in typed.meters]
    return checked(StationFileIn, {**plate, "connectors": connectors, "meters": meters})


def _said(row: Row, names: Mapping[str, str]) -> dict[str, str | None]:
    return {name: row.get(name) or None for name in names if name != "power_kw"}


def _watts(row: Row, field: str) -> int | None:
    text = row.get("power_kw", "")
    if not text:
        return None
    if not KILOWATTS.fullmatch(text):
        raise Invalid.about(field, Reason("is not a number"))
    return int(Decimal(text) * 1000)
