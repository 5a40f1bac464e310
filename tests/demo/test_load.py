"""Loading the sample on a real database: once, replaced by another, and its accounts only while it is a demo."""

from pathlib import Path
from typing import Any

import asyncpg
import pytest

from charger_registry.imports.desk import import_sites
from charger_registry.people import store as people
from charger_registry.people.passwords import Passwords
from deploy.demo.load import ACCOUNTS, PASSWORD, close_sample_accounts, load_sample, open_sample_accounts
from youguan.clock import SystemClock
from youguan.database import connect
from youguan.errors import Invalid
from youguan.settings import Settings

FILE = "id,name,longitude,latitude,charge_count\n" + "".join(
    f"F{n},某场站{n},{113.9 + n / 1000},22.6,{1 + n % 3}\n" for n in range(100)
)


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url, demo=True, station_key_secret="s" * 32)


async def ask(settings: Settings, query: str, *arguments: Any) -> list[asyncpg.Record]:
    connection = await connect(settings.database_url)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(query, *arguments)
        return rows
    finally:
        await connection.close()


COUNTS = """
SELECT (SELECT count(*) FROM registry.site WHERE retired_at IS NULL) AS sites,
       (SELECT count(*) FROM registry.station WHERE retired_at IS NULL) AS stations,
       (SELECT count(*) FROM registry.site WHERE retired_at IS NULL AND unmanaged_reason = 'no_manager') AS unmanaged,
       (SELECT count(*) FROM registry.responsibility) AS lines,
       (SELECT count(*) FROM eventlog.event) AS events
"""


async def counts(settings: Settings) -> dict[str, int]:
    return dict((await ask(settings, COUNTS))[0])


async def test_a_second_start_changes_nothing(settings: Settings) -> None:
    await load_sample(settings, sites_file=None, crs="wgs84")
    first = await counts(settings)
    assert (first["sites"], first["stations"], first["unmanaged"]) == (240, 3000, 8)
    await load_sample(settings, sites_file=None, crs="wgs84")
    assert await counts(settings) == first


async def test_a_file_replaces_the_generated_sites(settings: Settings, tmp_path: Path) -> None:
    await load_sample(settings, sites_file=None, crs="wgs84")
    file = tmp_path / "sites.csv"
    file.write_text(FILE, encoding="utf-8")
    await load_sample(settings, sites_file=file, crs="gcj02")
    found = await counts(settings)
    assert (found["sites"], found["stations"], found["unmanaged"]) == (100, 199, 3)
    before = await counts(settings)
    await load_sample(settings, sites_file=file, crs="gcj02")
    assert await counts(settings) == before
    sites = await ask(settings, "SELECT * FROM registry.site WHERE id = 'F7'")
    assert (sites[0]["given_crs"], sites[0]["given_longitude"]) == ("gcj02", pytest.approx(113.907))
    assert sites[0]["longitude"] != sites[0]["given_longitude"]
    assert not sites[0]["generated"], "it is in the file: it was not generated"


async def test_sites_of_a_file_are_never_told_to_be_unmanaged_before_their_roles(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "sites.csv"
    file.write_text(FILE, encoding="utf-8")
    await load_sample(settings, sites_file=file, crs="gcj02")
    told = await ask(settings, "SELECT type, count(*) FROM eventlog.event WHERE type LIKE 'Site%anaged' GROUP BY 1")
    assert {row["type"]: row["count"] for row in told} == {"SiteUnmanaged": 3}


@pytest.mark.parametrize("rows", ["", "F1,name,east,22.6,1\n"])
async def test_a_file_without_a_usable_site_says_so(settings: Settings, tmp_path: Path, rows: str) -> None:
    file = tmp_path / "sites.csv"
    file.write_text(FILE.splitlines()[0] + "\n" + rows, encoding="utf-8")
    with pytest.raises(Invalid, match="no site in it can be used"):
        await load_sample(settings, sites_file=file, crs="gcj02")


async def test_a_single_site_is_sample_enough(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "sites.csv"
    file.write_text("\n".join(FILE.splitlines()[:2]), encoding="utf-8")
    await load_sample(settings, sites_file=file, crs="gcj02")
    assert (await counts(settings))["sites"] == 1


async def test_another_file_replaces_the_first_but_not_what_was_imported(settings: Settings, tmp_path: Path) -> None:
    first, second, own = tmp_path / "first.csv", tmp_path / "second.csv", tmp_path / "own.csv"
    first.write_text(FILE, encoding="utf-8")
    second.write_text(FILE.replace("F", "G"), encoding="utf-8")
    own.write_text("id,longitude,latitude\nOWN,113.9,22.6\n", encoding="utf-8")
    await load_sample(settings, sites_file=first, crs="gcj02")
    connection = await connect(settings.database_url)
    await import_sites(connection, own, "gcj02", SystemClock().now())
    await connection.close()
    await load_sample(settings, sites_file=second, crs="gcj02")
    rows = await ask(
        settings, "SELECT left(id, 1) AS letter, count(*) FROM registry.site WHERE retired_at IS NULL GROUP BY 1"
    )
    assert {row["letter"]: row["count"] for row in rows} == {"G": 100, "O": 1}


async def test_back_to_the_generated_sites(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "sites.csv"
    file.write_text(FILE, encoding="utf-8")
    await load_sample(settings, sites_file=None, crs="wgs84")
    await load_sample(settings, sites_file=file, crs="gcj02")
    await load_sample(settings, sites_file=None, crs="wgs84")
    found = await counts(settings)
    assert (found["sites"], found["stations"], found["unmanaged"]) == (240, 3000, 8)


async def test_demo_accounts_are_open_only_in_a_demo(settings: Settings) -> None:
    async def may_log_in() -> set[str]:
        connection = await connect(settings.database_url)
        try:
            found = {name: await people.find(connection, name, demo=True) for name in ACCOUNTS}
        finally:
            await connection.close()
        passwords = Passwords()
        return {name for name, person in found.items() if person and passwords.fits(person["password_hash"], PASSWORD)}

    await load_sample(settings, sites_file=None, crs="wgs84")
    assert await may_log_in() == set(ACCOUNTS)
    await close_sample_accounts(settings)
    await close_sample_accounts(settings)  # a second start without the demo has nothing to say
    assert await may_log_in() == set()
    revoked = await ask(settings, "SELECT payload FROM eventlog.event WHERE type = 'AccessRevoked'")
    assert sorted(row["payload"]["subject"] for row in revoked) == sorted(ACCOUNTS)
    await load_sample(settings, sites_file=None, crs="wgs84")
    await open_sample_accounts(settings)
    assert await may_log_in() == set(ACCOUNTS)


async def test_the_demo_operator_manages_the_most_sites(settings: Settings) -> None:
    await load_sample(settings, sites_file=None, crs="wgs84")
    most = await ask(
        settings,
        """
        SELECT organisation_id, count(*) AS sites FROM registry.responsibility
        WHERE role = 'manager' AND during @> now() GROUP BY 1 ORDER BY 2 DESC
        """,
    )
    operator = await ask(settings, "SELECT * FROM registry.person WHERE username = 'demo-operator'")
    assert operator[0]["organisation_id"] in {
        row["organisation_id"] for row in most if row["sites"] == most[0]["sites"]
    }
