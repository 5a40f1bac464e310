"""What parties bring to their cases: kept as it came, evidence only by an officer, answered once, within a quota."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from inspection_service.cases.machine import Command
from inspection_service.evidence import bundle
from inspection_service.evidence import store as evidence_store
from inspection_service.evidence.chain import broken
from inspection_service.papers import store
from inspection_service.papers.desk import MOST_WAITING, Brings, kind_of
from tests.inspection_service.world import HEAD, PARTY, TODAY, UNFILED, A, B, World, somebody
from youguan.documents import Document
from youguan.errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests
from youguan.quota import DOCUMENTS

PAPER = b"%PDF-1.7 a receipt"
MENDED = Brings("mended", "备案回执", "已于今日备案")


def receiving(world: World) -> Callable[[], Awaitable[Document]]:
    async def chunks() -> AsyncIterator[bytes]:
        yield PAPER

    return lambda: world.shelf.keep(chunks(), "receipt.pdf")


async def ordered(world: World) -> str:
    """Return a case that its party knows of: it was ordered to mend."""
    case_id = await world.cases.open(A, UNFILED)
    await world.do(A, case_id, Command.ORDER, reason="限期备案", on=TODAY.replace(day=30))
    return case_id


async def bring(world: World, case_id: str, brings: Brings = MENDED) -> str:
    return await world.papers.bring(PARTY, case_id, brings, len(PAPER), receiving(world))


async def test_a_paper_becomes_evidence_when_an_officer_accepts_it(world: World) -> None:
    case_id = await ordered(world)
    paper_id = await bring(world, case_id)
    async with world.pool.acquire() as connection:
        assert await evidence_store.links(connection, case_id) == [], "brought is not taken"
    with pytest.raises(Conflict, match="comes from its visit"):
        await world.papers.accept(A, case_id, paper_id, "record")
    link = await world.papers.accept(A, case_id, paper_id)
    assert (link.record["kind"], link.record["origin"], link.record["source"]["by"]) == ("documentary", "party", "p")
    await world.evidence.confirm(B, case_id, link.record["place"])
    async with world.pool.acquire() as connection:
        (paper,) = await store.papers(connection, case_id)
        links = await evidence_store.links(connection, case_id)
        assert broken(links, world.evidence.signer.public_key) is None
    assert (paper["place"], paper["answered_by"]) == (1, "a")
    await world.cases.print_all(case_id)
    _, packed = await world.evidence.pack(HEAD, case_id)
    assert bundle.verify(packed).faults == ()
    assert PAPER in packed


async def test_a_paper_is_answered_once_and_a_refusal_says_why(world: World) -> None:
    case_id = await ordered(world)
    paper_id = await bring(world, case_id)
    with pytest.raises(Invalid, match="reason"):
        await world.papers.refuse(A, case_id, paper_id, " ")
    with pytest.raises(Forbidden):
        await world.papers.refuse(somebody("c", "inspector"), case_id, paper_id, "不清晰")
    answers = await asyncio.gather(
        world.papers.refuse(A, case_id, paper_id, "不清晰"), world.papers.accept(B, case_id, paper_id),
        return_exceptions=True,
    )  # fmt: skip
    assert sorted(isinstance(answer, Conflict) for answer in answers) == [False, True]
    async with world.pool.acquire() as connection:
        (paper,) = await store.papers(connection, case_id)
    assert bool(paper["place"]) != bool(paper["reason"])


async def test_who_brings_papers_and_until_when(world: World) -> None:
    unknown = await world.cases.open(A, UNFILED)
    with pytest.raises(NotFound):  # nothing was addressed to the party yet
        await bring(world, unknown)
    case_id = await ordered(world)
    for who, error in ((A, Forbidden), (somebody("q", "operator", "other"), NotFound)):
        with pytest.raises(error):
            await world.papers.bring(who, case_id, MENDED, 1, receiving(world))
    with pytest.raises(Invalid, match="title"):
        await bring(world, case_id, Brings("other", " "))
    paper_id = await bring(world, case_id)
    with pytest.raises(NotFound):
        await world.papers.paper(somebody("q", "operator", "other"), case_id, paper_id)
    assert (await world.papers.paper(PARTY, case_id, paper_id)).size_bytes == len(PAPER)
    await world.do(A, case_id, Command.ASK_END, reason="查无实据")
    await world.do(HEAD, case_id, Command.DISMISS, reason="查无实据")
    with pytest.raises(Conflict, match="dismissed"):
        await bring(world, case_id)


async def test_nobody_fills_the_disk_or_an_officer_s_day(world: World) -> None:
    case_id = await ordered(world)
    with pytest.raises(TooManyRequests):
        await world.papers.bring(PARTY, case_id, MENDED, DOCUMENTS.size_bytes + 1, receiving(world))

    async def more() -> Document:  # than was said before
        return Document("0" * 64, DOCUMENTS.size_bytes + 1, "application/pdf", "x.pdf")

    with pytest.raises(TooManyRequests):
        await world.papers.bring(PARTY, case_id, MENDED, 1, more)
    for _ in range(MOST_WAITING):
        await bring(world, case_id)
    with pytest.raises(Conflict, match="wait for an answer"):
        await bring(world, case_id)


@pytest.mark.parametrize(
    ("about", "media_type", "kind"),
    [
        ("statement", "application/pdf", "statement"),
        ("statement", "image/jpeg", "audiovisual"),
        ("payment", "application/pdf", "documentary"),
    ],
)
def test_which_kind_of_evidence_a_paper_is(about: str, media_type: str, kind: str) -> None:
    assert kind_of({"about": about, "media_type": media_type}) == kind
