"""What the sample's people have done: of each kind of work something at each stage, done once, and all of it in the trail."""

from collections import Counter
from pathlib import Path

import pytest

from deploy.demo.deeds import do_samples
from deploy.demo.load import load_sample
from inspection_service.file_review import store as file_reviews
from inspection_service.inspections.plans import store as plans_store
from inspection_service.inspections.plans.draw import Verdict, verify
from youguan import audit
from youguan.auth import EVERYTHING, generate_keys
from youguan.clock import SystemClock
from youguan.database import connect
from youguan.settings import Settings


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    key = generate_keys()[0]
    return Settings(database_url=database_url, demo=True, data_dir=tmp_path, evidence_private_key=key)


async def test_every_kind_of_work_is_there_at_each_stage_and_a_second_start_adds_nothing(settings: Settings) -> None:
    await load_sample(settings, sites_file=None, crs="wgs84")
    connection = await connect(settings.database_url)
    trails = []
    for _ in range(2):
        await do_samples(settings, SystemClock())
        trails.append(await connection.fetchval("SELECT count(*) FROM audit.trail"))
    assert trails[0] == trails[1]
    cases = await connection.fetch("SELECT state, facts FROM inspection.case_file")
    assert Counter(row["state"] for row in cases) == Counter(
        ("lead", "guided", "ordered", "mended", "unpunished", "referred", "proposed", "filed", "review_2", "notified", "decided",
         "served", "closed", "closed")
    )  # fmt: skip
    published = await connection.fetch("SELECT state, notice::text FROM inspection.publication")
    assert Counter(row["state"] for row in published) == {"published": 2, "to_check": 2}
    assert not any("演示执法队员" in (row["notice"] or "") for row in published)  # nobody's name is shown
    (review,) = await file_reviews.reviews(connection, None, 9, "nobody")
    assert (review["files"], review["graded"], review["excellent"]) == (2, 1, 1)
    visits = await connection.fetch("SELECT channel, state FROM inspection.visit")
    assert {tuple(row) for row in visits} == {
        ("on_site", "planned"), ("on_site", "under_way"), ("on_site", "finished"), ("on_site", "cancelled"),
        ("remote", "under_way"),
    }  # fmt: skip
    tasks = await connection.fetch("SELECT cause, assignee_role FROM inspection.task WHERE origin = 'inspection'")
    assert {tuple(row) for row in tasks} == {("fire_equipment", "manager"), ("other", "manager")}
    assert await connection.fetchval("SELECT count(*) FROM inspection.evidence WHERE record->'source' ? 'visit'") == 1
    cameras = await connection.fetch(
        "SELECT number, site_id IS NULL AS afield FROM inspection.monitoring_equipment ORDER BY 1"
    )
    assert [tuple(row) for row in cameras] == [("示例-CAM-01", False), ("示例-CAM-02", True)]
    assert await audit.verify(connection) is None
    await connection.close()


async def test_the_draw_is_the_same_in_every_demo_and_can_be_repeated(settings: Settings) -> None:
    await load_sample(settings, sites_file=None, crs="wgs84")
    await do_samples(settings, SystemClock())
    connection = await connect(settings.database_url)
    (plan,) = await plans_store.list_plans(connection, EVERYTHING, "random", None, 9)
    drawn = await plans_store.get_draw(connection, plan["id"])
    assert drawn["seed"] == "sample-20230601"
    assert verify({name: drawn[name] for name in ("pool", "pool_sha256", "seed", "drawn")}) == Verdict()
    await connection.close()
