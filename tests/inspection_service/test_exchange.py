"""Cases that travel: the province's columns as data, and out of one organ's suite into another's, on a real PostgreSQL."""

import asyncio
import csv
import io
from datetime import date
from typing import Any

import pytest

from inspection_service.cases.machine import Command, State
from inspection_service.exchange.desk import ExchangeDesk
from inspection_service.exchange.record import CaseRecord, as_table, columns, read
from inspection_service.law.catalogue import SANCTIONS
from inspection_service.law.statutes import LawError
from tests.inspection_service.world import HEAD, REVIEWERS, TODAY, UNFILED, A, World, somebody, to_notified
from youguan.errors import Invalid, NotFound

LETTER: dict[str, Any] = {
    "format": "youguan-case/1", "organ": "宁海县住房和城乡建设局", "number": "宁住建移〔2026〕3号", "item_id": "car-park-unfiled",
    "party_kind": "organisation", "party_name": "宁海某公司", "act_on": "2026-09-10", "reason": "检查发现未备案", "site_id": "s",
}  # fmt: skip


def test_the_columns_have_a_word_for_every_state_and_sanction() -> None:
    by_member = {column.member: column for column in columns()}
    assert set(State) <= set(by_member["state"].values)
    assert set(SANCTIONS) == set(by_member["sanctions"].values)
    with pytest.raises(LawError, match="no colour"):
        read({"column": [{"name": "x", "member": "colour"}]})
    with pytest.raises(LawError, match="twice"):
        read({"column": [{"name": "x", "member": "number"}] * 2})


def test_a_table_says_what_the_other_system_says() -> None:
    record = CaseRecord(
        **{**LETTER, "party_name": "=1+1"},
        procedure="simple",
        state="served",
        sanctions=["fine", "warning"],
        fine_yuan=3000,
    )
    header, line = csv.reader(io.StringIO(as_table([record]).decode("utf-8-sig")))
    found = dict(zip(header, line, strict=True))
    assert found["适用程序"] == "简易程序"
    assert (found["处罚种类"], found["罚款金额（元）"], found["案件状态"]) == ("罚款、警告", "3000.00", "执行")
    assert (found["当事人名称"], found["送达日期"]) == ("'=1+1", "")


@pytest.fixture
def desk(world: World) -> ExchangeDesk:
    return ExchangeDesk(world.cases, world.clock)


async def test_a_case_goes_out_whole_and_comes_in_as_a_lead_with_a_receipt(world: World, desk: ExchangeDesk) -> None:
    case_id = await to_notified(world)
    sent = await desk.send(REVIEWERS[0], case_id)
    assert (sent.state, sent.fine_yuan, sent.officers) == ("notified", 20_000.0, ["警员a", "警员b"])
    assert [move.command for move in sent.history][:3] == ["open", "propose", "approve"]
    assert [document.kind for document in sent.documents][-1] == "notice"
    with pytest.raises(NotFound):
        await desk.send(somebody("elsewhere", "reviewer"), case_id)
    (returned,) = await desk.take(A, "b", [sent.model_dump(mode="json")])  # our own file, brought to us by mistake
    assert "organ: is our own" in str(returned.refused)
    away = sent.model_dump(mode="json") | {"organ": "象山县综合行政执法局"}
    (receipt,) = await desk.take(A, "b", [away])
    assert receipt.refused is None
    assert receipt.case_id is not None
    row = await world.row(receipt.case_id)
    assert (row["state"], row["party_name"], row["act_on"]) == ("lead", "宁海某公司", TODAY)
    assert row["facts"]["referred_by"] == "象山县综合行政执法局"
    await world.do(A, receipt.case_id, Command.GIVE_RECEIPT)
    kept = await world.pool.fetchval("SELECT content FROM inspection.received_case WHERE case_id = $1", receipt.case_id)
    assert kept == away


async def test_one_bad_case_says_why_and_takes_none_with_it(world: World, desk: ExchangeDesk) -> None:
    def but(**changes: Any) -> dict[str, Any]:
        return {**LETTER, **changes}

    sent = [
        LETTER, but(number="2", act_on="2026-13-01"), but(number="3", item_id="nothing"), but(number="4", colour="red"),
        "no case", but(number="5", act_on="2026-09-17"), but(number="6", site_id="nowhere"), but(number="7"),
    ]  # fmt: skip
    receipts = await desk.take(A, "b", sent)
    assert [receipt.place for receipt in receipts if receipt.refused is None] == [1, 8]
    reasons = ["act_on", "item nothing", "colour", "valid dictionary", "future", "site nowhere"]
    for receipt, reason in zip(receipts[1:7], reasons, strict=True):
        assert reason in str(receipt.refused), receipt
    assert await world.pool.fetchval("SELECT count(*) FROM inspection.case_file") == 2
    refused = await desk.take(A, "nobody", [but(number="9")])
    assert "certificate" in str(refused[0].refused)


async def test_what_another_organ_found_in_time_is_not_too_late_for_us(world: World, desk: ExchangeDesk) -> None:
    found = {"act_on": "2024-09-01", "found_on": "2026-08-31"}
    receipts = await desk.take(
        A, "b", [{**LETTER, **found}, {**LETTER, "number": "2", **found, "found_on": "2026-09-17"}]
    )
    assert "found_on" in str(receipts[1].refused)
    assert receipts[0].case_id is not None
    assert (await world.row(receipts[0].case_id))["found_on"] == date(2026, 8, 31)


async def test_what_comes_twice_is_taken_once_also_at_the_same_time(world: World, desk: ExchangeDesk) -> None:
    outcomes = await asyncio.gather(*(desk.take(A, "b", [LETTER]) for _ in range(4)))
    assert len({receipts[0].case_number for receipts in outcomes}) == 1
    assert await world.pool.fetchval("SELECT count(*) FROM inspection.case_file") == 1


async def test_the_table_holds_what_lies_within_bounds_and_time(world: World, desk: ExchangeDesk) -> None:
    await world.cases.open(A, UNFILED)

    async def rows(who: Any, first: date, last: date) -> int:
        return len((await desk.table(who, first, last)).decode("utf-8-sig").splitlines()) - 1

    assert await rows(HEAD, TODAY, TODAY) == 1
    assert await rows(HEAD, date(2026, 9, 1), date(2026, 9, 15)) == 0
    assert await rows(somebody("elsewhere", "reviewer"), TODAY, TODAY) == 0
    for first, last in ((TODAY, date(2026, 9, 15)), (date(2024, 1, 1), TODAY)):
        with pytest.raises(Invalid):
            await desk.table(HEAD, first, last)
