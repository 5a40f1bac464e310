"""The sample's filings: made once, and each of them as an operator would have made it."""

from pathlib import Path

import pytest

from charger_registry.filing import store
from charger_registry.filing.papers import store as paper_store
from charger_registry.people import store as people
from deploy.demo.filings import file_samples
from deploy.demo.load import load_sample
from youguan.auth import Scope
from youguan.clock import SystemClock
from youguan.database import connect
from youguan.settings import Settings


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=database_url, demo=True, data_dir=tmp_path)


async def test_there_is_something_to_decide_and_a_second_start_adds_nothing(settings: Settings) -> None:
    await load_sample(settings, sites_file=None, crs="wgs84")
    for _ in range(2):
        await file_samples(settings, SystemClock())
    connection = await connect(settings.database_url)
    operator = await people.find(connection, "demo-operator", demo=True)
    assert operator is not None
    scope = Scope(organisation_id=operator["organisation_id"])
    rows = await store.list_filings(
        connection, states=None, site_id=None, owing=False, after=None, limit=9, scope=scope
    )
    assert sorted(row["state"] for row in rows) == ["draft", "submitted", "supplement_required"]
    papers = [await paper_store.documents(connection, row["id"]) for row in rows]
    assert sorted(map(len, papers)) == [0, 5, 5]
    await connection.close()
    (content,) = [file for file in (settings.data_dir / "files" / "documents" / "registry").iterdir() if file.is_file()]
    assert content.read_bytes().startswith(b"%PDF-")
