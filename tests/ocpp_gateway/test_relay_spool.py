"""The relay's spool: in order, each once, whatever is torn, full or left behind."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.relay import spool as spools
from ocpp_gateway.relay.gaps import DISK, FULL
from ocpp_gateway.relay.journal import Journal
from ocpp_gateway.relay.passed import EPOCH, GAP, MICROSECOND, SAID, Passed, decode, encode
from ocpp_gateway.relay.spool import FILE_BYTES, HEAD, Spool, left_behind, new_spool

MOST = 64 * 1024 * 1024
NOW = datetime(2026, 5, 4, 12, 30, 1, 123456, tzinfo=UTC)


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    spool = new_spool(tmp_path, MOST)
    running = asyncio.create_task(spool.run())
    yield spool
    spool.stop()
    await running


async def everything(spool: Spool, count: int, place: int = 0) -> tuple[list[bytes], int]:
    """Read so many records; return them and the place after them."""
    found: list[bytes] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            for record in await spool.read(place):
                assert record.content is not None
                found.append(record.content)
                place = record.after
    return found, place


async def written(spool: Spool) -> None:
    """Wait until everything that was appended is durable."""
    async with asyncio.timeout(30):
        while spool.durable < spool._accepted:
            await asyncio.sleep(0.005)


def crashed(spool: Spool) -> None:
    """Let go of the folder as a process does that ends at once."""
    spool.close()


async def test_what_is_appended_is_read_in_order(spool: Spool) -> None:
    records = [os.urandom(n % 700) or b"-" for n in range(5000)]
    for record in records:
        assert spool.append(record)
    found, place = await everything(spool, len(records))
    assert found == records
    assert place == spool.durable


async def test_a_record_larger_than_what_is_read_at_once(spool: Spool) -> None:
    records = [b"a" * 10, b"b" * (spools.READ_BYTES * 3), b"c" * 10]
    for record in records:
        spool.append(record)
    assert (await everything(spool, 3))[0] == records


async def test_files_are_removed_once_they_are_released(spool: Spool) -> None:
    for _ in range(5):
        spool.append(b"x" * (FILE_BYTES // 2 + 1))
        await written(spool)
    assert len(list(spool.folder.glob("*.log"))) > 1
    _, place = await everything(spool, 5)
    spool.release(place)
    assert spool.size == 0
    spool.append(b"next")
    await written(spool)
    assert len(list(spool.folder.glob("*.log"))) == 1


@pytest.mark.parametrize("torn", [1, HEAD.size - 1, HEAD.size, HEAD.size + 2])
async def test_what_is_before_a_torn_tail_is_there(spool: Spool, tmp_path: Path, torn: int) -> None:
    spool.append(b"first")
    spool.append(b"second")
    await written(spool)
    (file,) = spool.folder.glob("*.log")
    with file.open("ab") as opened:
        opened.write((HEAD.pack(100, 7) + b"half")[:torn])
    crashed(spool)
    (again,) = left_behind(tmp_path, MOST)
    found, place = await everything(again, 2)
    assert found == [b"first", b"second"]
    assert await again.read(place) == [(again.durable, None)], "and what is torn is said to be"
    assert not again.was_closed
    again.close()


async def test_a_damaged_file_takes_no_other_with_it(spool: Spool) -> None:
    for number in range(4):
        spool.append(bytes([number]) * FILE_BYTES)
        await written(spool)
        spool.append(b"small")
        await written(spool)
    first = min(spool.folder.glob("*.log"))
    with first.open("r+b") as opened:
        opened.seek(HEAD.size + 5)
        opened.write(b"!!!!")
    records = await spool.read(0)
    assert [record.content for record in records] == [None], "what cannot be read is skipped, and said to be"
    assert (await spool.read(records[0].after))[0].content == b"small"


@pytest.mark.parametrize("place", range(0, 3 * (HEAD.size + 20), 3))
async def test_whatever_byte_is_damaged_takes_its_own_record_alone(tmp_path: Path, place: int) -> None:
    spool = new_spool(tmp_path, MOST)
    running = asyncio.create_task(spool.run())
    records = [bytes([number]) * 20 for number in range(1, 5)]
    for record in records:
        spool.append(record)
    spool.stop()
    await running
    (file,) = spool.folder.glob("*.log")
    content = bytearray(file.read_bytes())
    content[place] ^= 255
    file.write_bytes(content)
    (again,) = left_behind(tmp_path, MOST)
    assert again.was_closed
    found: list[bytes | None] = []
    at = 0
    while at < again.durable:
        for after, read in await again.read(at):
            found.append(read)
            at = after
    records[place // (HEAD.size + 20)] = None  # type: ignore[call-overload]
    assert found == records
    again.close()


async def test_what_lives_is_not_taken_and_what_is_left_behind_is(spool: Spool, tmp_path: Path) -> None:
    spool.append(b"x")
    await written(spool)
    assert left_behind(tmp_path, MOST) == []
    crashed(spool)
    (found,) = left_behind(tmp_path, MOST)
    assert found.id == spool.id
    found.remove()
    assert not spool.folder.exists()


async def test_what_is_in_the_database_already_is_not_read_again(spool: Spool, tmp_path: Path) -> None:
    for number in range(10):
        spool.append(bytes([number]))
    _, after_five = await everything(spool, 10)
    records = await spool.read(0)
    after_five = records[4].after
    crashed(spool)
    (again,) = left_behind(tmp_path, MOST)
    place = again.begin_at(after_five)
    assert (await everything(again, 5, place))[0] == [bytes([n]) for n in range(5, 10)]
    again.close()


async def test_beyond_its_bound_it_takes_nothing_and_says_how_much_that_was(tmp_path: Path) -> None:
    spool = new_spool(tmp_path, 2000 + spools.RESERVE_BYTES)
    running = asyncio.create_task(spool.run())
    journal = Journal(spool)
    for number in range(50):
        journal.note(said(f"{number}"))
    kept = 50 - journal.lost
    assert 0 < kept < 50
    assert spool.size <= 2000 + 200
    found, place = await everything(spool, kept + 1)
    began = decode(found[-1])
    assert (began.kind, began.about, began.state, began.number, began.at) == (GAP, FULL, "", 0, NOW), "at once"
    journal.tell()
    assert spool.size <= 2000 + 200, "nothing more where there is no room"
    spool.release(place)
    journal.note(said("again"))
    journal.tell()
    found, _ = await everything(spool, 3, place)
    again, gap, end = (decode(record) for record in found)
    assert (gap.kind, gap.station_id, gap.number, gap.at) == (GAP, "s1", 50 - kept, NOW)
    assert (end.kind, end.station_id, end.number, end.state) == (GAP, "", 0, NOW.isoformat())
    assert again.frame == "again"
    spool.stop()
    await running


async def test_a_disk_that_is_full_loses_what_it_could_not_take_and_nothing_else(spool: Spool) -> None:
    spool.append(b"before")
    await written(spool)
    held = spool._file
    assert held is not None
    full = os.open("/dev/full", os.O_WRONLY)
    spool._file = full
    journal = Journal(spool)
    journal.note(said("lost"))
    async with asyncio.timeout(30):
        while not journal.lost:
            await asyncio.sleep(0.005)
        journal.tell()  # which cannot be written either
        await asyncio.sleep(0)
        while spool.size > HEAD.size + len(b"before"):
            await asyncio.sleep(0.005)
    assert journal.lost == 1
    spool._file = held
    os.close(full)
    journal.note(said("after"))
    journal.tell()
    found, _ = await everything(spool, 4)
    assert found[0] == b"before"
    told = [decode(record) for record in found[1:]]
    assert [(each.kind, each.about, each.station_id, each.number) for each in told] == [
        (SAID, "", "s1", 0), (GAP, DISK, "s1", 1), (GAP, DISK, "", 0),
    ]  # fmt: skip
    assert journal.lost == 1


def said(frame: str) -> Passed:
    return Passed(SAID, "s1", 1, "1.6", "127.0.0.1", NOW, frame)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.builds(
    Passed, st.sampled_from([SAID, GAP]), TEXT, st.integers(0, 2**31), TEXT, TEXT,
    st.integers(0, 2**52).map(lambda micros: EPOCH + micros * MICROSECOND), TEXT, TEXT, TEXT, st.integers(0, 2**40),
))  # fmt: skip
def test_a_record_says_what_was_noted(passed: Passed) -> None:
    assert decode(encode(passed)) == passed


async def test_a_spool_that_was_never_written_leaves_no_folder(tmp_path: Path) -> None:
    spool = new_spool(tmp_path / "relay", MOST)
    running = asyncio.create_task(spool.run())
    spool.stop()
    with suppress(asyncio.CancelledError):
        await running
    assert not (tmp_path / "relay").exists()
