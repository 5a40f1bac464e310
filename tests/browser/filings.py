"""Filings for the pages to show, made over HTTP as an operator makes them."""

from typing import Any

from tests.suite import Api

PAPER = b"%PDF-1.7 of the browser tests"
NEEDED = ("fire_acceptance", "electrical_acceptance", "metering_verification", "insurance", "land_consent")
PLACE = {
    "address": "示例路1号", "division_code": "330226001", "longitude": "121.43", "latitude": "29.29",
    "contact_name": "张三", "contact_phone": "400-000-0000", "builder": "builder-01", "owner": "owner-03",
    "managed_from": "2026-01-01",
}  # fmt: skip


async def begin(operator: Api, name: str, station_id: str, site_id: str | None = None) -> dict[str, Any]:
    """Return a draft that lacks its papers; `site_id`: of a site that is there."""
    client = operator.client
    answer = await client.post("/api/registry/filings", json={"site_id": site_id})
    begun: dict[str, Any] = answer.raise_for_status().json()
    line = {"id": station_id, "connectors": 1, "power_kw": 120, "current_type": "DC"}
    content = {**PLACE, "name": name, "manager": begun["organisation_id"], "stations": [line]}
    (await client.put(f"/api/registry/filings/{begun['id']}", json=content)).raise_for_status()
    return begun


async def submit(operator: Api, name: str, station_id: str) -> dict[str, Any]:
    """Return a filing that waits for its decision."""
    begun = await begin(operator, name, station_id)
    for code in NEEDED:
        paper = {"type": code, "number": "1", "valid_until": "2099-12-31"}
        path = f"/api/registry/filing-documents/{begun['id']}"
        sent = await operator.client.post(path, data=paper, files={"file": ("材料.pdf", PAPER)})
        sent.raise_for_status()
    path = f"/api/registry/filings/{begun['id']}/commands"
    done: dict[str, Any] = (await operator.client.post(path, json={"command": "submit"})).raise_for_status().json()
    return done
