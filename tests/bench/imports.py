"""25,000 stations from files into a fresh registry: a table of sites, and T/CEC 102 station info with two connectors a station."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from charger_registry.imports.desk import import_sites
from tests.bench.county import sites_file
from tests.bench.rig import say
from youguan.database import connect

SITES, STATIONS_A_SITE = 1667, 15
NOW = datetime(2026, 6, 1, tzinfo=UTC)


async def measure(dsn: str, folder: Path) -> dict[str, Any]:
    """Return the seconds that each file took, the first time and again when it changes nothing."""
    info = folder / "station-info.json"
    await asyncio.to_thread(info.write_bytes, orjson.dumps({"StationInfos": [site(n) for n in range(1, SITES + 1)]}))
    found: dict[str, Any] = {}
    for name, file, crs in (("table", sites_file(folder), "gcj02"), ("station_info", info, None)):
        say(f"imports: {file.name}")
        for again in ("", "_again"):
            connection = await connect(dsn)
            began = time.perf_counter()
            outcome = await import_sites(connection, file, crs, NOW)
            took = time.perf_counter() - began
            await connection.close()
            found[f"import_{name}{again}_s"] = round(took, 2)
            assert not outcome.refused, outcome.refused[:3]
            assert outcome.unchanged == (len(outcome.site_ids) if again else 0)
    connection = await connect(dsn)
    found["import_stations"] = await connection.fetchval("SELECT count(*) FROM registry.station")
    found["import_connectors"] = await connection.fetchval("SELECT count(*) FROM registry.connector")
    await connection.close()
    return found


def site(number: int) -> dict[str, Any]:
    """Return station info as a platform sends it."""
    return {
        "OperatorID": "395815801",
        "StationID": f"{number:015d}",
        "StationName": f"第 {number} 充电站",
        "AreaCode": "330226",
        "Address": f"示例路 {number} 号",
        "StationLng": 121.2 + number % 50 / 100,
        "StationLat": 29.1 + number // 50 / 100,
        "ServiceTel": "400-000-0000",
        "StationType": 1,
        "BusineHours": "24小时",
        "ElectricityFee": "0.65",
        "EquipmentInfos": [equipment(number, n) for n in range(1, STATIONS_A_SITE + 1)],
    }


def equipment(number: int, place: int) -> dict[str, Any]:
    code = f"{number:015d}{place:05d}"
    guns = [{"ConnectorID": f"{code}{n:02d}", "ConnectorType": 4, "Power": 120} for n in (1, 2)]
    return {
        "EquipmentID": code,
        "ManufacturerName": "示例厂",
        "EquipmentManufacturerNumber": code,
        "EquipmentType": 1,
        "Power": 120,
        "ConnectorInfos": guns,
    }
