"""Imports in the browser: bring a file, look at it row by row, file it."""

from dataclasses import dataclass
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends, Form, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from charger_registry.imports import store
from charger_registry.imports.desk import ImportDesk, mine
from charger_registry.imports.plan import OUTCOMES
from youguan.auth import OPERATOR, REGULATOR, Principal
from youguan.coordinates import CRS_NAMES
from youguan.errors import YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import remote_of, require
from youguan.web.templates import Templates

PAGE, LINES = 30, 100
MAY_IMPORT = require(REGULATOR, OPERATOR)
CRS = {"": "按文件格式", **CRS_NAMES}
STATES = {"previewed": ("warn", "待确认"), "committed": ("good", "已导入"), "discarded": ("", "已放弃")}
WORDS = {
    "added": ("good", "新增"),
    "changed": ("busy", "变更"),
    "unchanged": ("", "无变化"),
    "refused": ("bad", "拒绝"),
}
FORMATS = {
    "csv": "CSV", "xlsx": "Excel", "geojson": "GeoJSON", "ocpi": "OCPI", "cec102": "T/CEC 102",
    "open_charge_map": "Open Charge Map",
}  # fmt: skip
EXPORTS = {"csv": "CSV", "xlsx": "Excel", "geojson": "GeoJSON"}
FIELDS = {
    "name": "名称", "address": "地址", "division_code": "区划代码", "longitude": "经度", "latitude": "纬度", "crs": "坐标系",
    "usage": "场站类型", "construction": "建设场所", "bays": "充电车位", "accessible_bays": "无障碍车位",
    "opening_hours": "营业时间", "help_phone": "客服电话", "site_phone": "站点电话", "parking": "停车收费",
    "parking_rules": "停车说明", "guide": "站点引导", "renewable": "绿电", "operator_code": "运营商编码",
    "cec_station_id": "充电站编码", "price": "费用公示", "stations": "充电桩", "power_w": "功率", "current_type": "交直流",
    "vendor": "生产厂家", "model": "型号", "serial_number": "出厂编号", "manufacturer_code": "厂家代码", "made_on": "出厂日期",
    "cec_equipment_id": "充电设备编码", "connectors": "充电枪", "type": "枪类型", "format": "枪形式", "voltage_v": "额定电压",
    "current_a": "额定电流", "national_standard": "国标版本", "cec_connector_id": "充电接口编码", "bay": "车位号",
    "verification_due_on": "检定有效期至", "verified_on": "检定日期", "certificate_number": "检定证书编号", "meters": "电能表",
    "row": "整行", "id": "编号", "ocpi_country_code": "OCPI 国家代码", "ocpi_party_id": "OCPI 运营方代码",
    "ocpi_location_id": "OCPI 场站编号", "ocpi_connector_id": "OCPI 枪编号", "evse": "充电位序号", "evse_id": "EVSE 编号",
    "builder": "建设单位", "owner": "产权单位", "manager": "运营管理单位", "maintainer": "运维单位", "property_manager": "物业",
    "parties": "责任单位", "connector": "枪号",
}  # fmt: skip


def import_pages(pool: asyncpg.Pool, desk: ImportDesk, templates: Templates) -> APIRouter:
    """Return /registry/imports."""
    router, shown = Router(prefix="/registry/imports"), _Shown(pool, templates)
    _add_files(router, desk, shown)
    _add_preview(router, desk, shown)
    return router


@dataclass(frozen=True, slots=True)
class _Shown:
    """The two pages: the files that were brought, and what one of them would do."""

    pool: asyncpg.Pool
    templates: Templates

    async def files(
        self, request: Request, who: Principal, cursor: str | None = None, error: YouguanError | None = None
    ) -> Response:
        key = decode_cursor(cursor, int)
        async with self.pool.acquire() as connection:
            rows = await store.list_uploads(connection, mine(who), key[0] if key else None, PAGE)
        return self.templates.render(
            request, "imports.html", status_code=error.status if error else 200, rows=rows,
            next=next_cursor(rows, PAGE, "id"), error=error, states=STATES, formats=FORMATS, crs=CRS,
            words=WORDS, exports=EXPORTS,
        )  # fmt: skip

    async def preview(
        self,
        request: Request,
        who: Principal,
        import_id: int,
        outcome: str | None = None,
        cursor: str | None = None,
        error: YouguanError | None = None,
    ) -> Response:
        key = decode_cursor(cursor, int)
        async with self.pool.acquire() as connection:
            upload = await store.get_upload(connection, import_id, mine(who))
            rows = await store.list_lines(connection, import_id, outcome, key[0] if key else None, LINES)
        lines = [{**row, "why": store.reason_of(row), "changes": changes_of(row)} for row in rows]
        return self.templates.render(
            request, "import.html", status_code=error.status if error else 200, upload=upload, lines=lines,
            next=next_cursor(rows, LINES, "place"), outcome=outcome or "", error=error, states=STATES,
            formats=FORMATS, words=WORDS, fields=FIELDS,
        )  # fmt: skip


def _add_files(router: APIRouter, desk: ImportDesk, shown: _Shown) -> None:
    @router.get("")
    async def imports(
        request: Request, who: Annotated[Principal, Depends(MAY_IMPORT)], cursor: Cursor = None
    ) -> Response:
        return await shown.files(request, who, cursor)

    @router.post("")
    async def bring(
        request: Request, who: Annotated[Principal, Depends(MAY_IMPORT)], file: UploadFile, crs: str = Form("")
    ) -> Response:
        name, data = file.filename or "", await file.read()
        try:
            upload_id = await desk.bring(who, name, data, crs or None, remote=remote_of(request))
        except YouguanError as error:
            return await shown.files(request, who, error=error)
        return RedirectResponse(f"/registry/imports/{upload_id}", 303)


def _add_preview(router: APIRouter, desk: ImportDesk, shown: _Shown) -> None:
    @router.get("/{import_id}")
    async def preview(
        request: Request,
        import_id: int,
        who: Annotated[Principal, Depends(MAY_IMPORT)],
        outcome: str = "",
        cursor: Cursor = None,
    ) -> Response:
        return await shown.preview(request, who, import_id, outcome if outcome in OUTCOMES else None, cursor)

    @router.post("/{import_id}/commit")
    async def commit(
        request: Request,
        import_id: int,
        who: Annotated[Principal, Depends(MAY_IMPORT)],
        plan: str = Form(),
        rows: str = Form("all"),
    ) -> Response:
        try:
            await desk.commit(who, import_id, plan, good_only=rows == "good", remote=remote_of(request))
        except YouguanError as error:
            return await shown.preview(request, who, import_id, error=error)
        return RedirectResponse(f"/registry/imports/{import_id}", 303)

    @router.post("/{import_id}/discard")
    async def discard(request: Request, import_id: int, who: Annotated[Principal, Depends(MAY_IMPORT)]) -> Response:
        try:
            await desk.discard(who, import_id, remote=remote_of(request))
        except YouguanError as error:
            return await shown.preview(request, who, import_id, error=error)
        return RedirectResponse("/registry/imports", 303)


def changes_of(row: asyncpg.Record) -> list[tuple[str, str, Any, Any]]:
    """Return (where, field, before, after) of a line's changes."""
    return [(*split(path), before, after) for path, before, after in row["changes"]]


def split(path: str) -> tuple[str, str]:
    """Return of the way to a field (`stations[a-1].connectors[1].type`) what it belongs to, and its own name."""
    inside = path.replace("stations[", "").replace("connectors[", "").replace("meters[", "").replace("]", "")
    if path.endswith("]"):
        return inside.replace(".", " / "), path.rpartition("[")[0].rpartition(".")[2]
    where, _, name = inside.rpartition(".") if "[" in path else ("", "", path)
    return where.replace(".", " / "), name
