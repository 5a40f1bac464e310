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

from ocpp_gateway.relay.gaps import DISK, FULL
from ocpp_gateway.relay.journal import Journal
from ocpp_gateway.relay.passed import EPOCH, GAP, MICROSECOND, SAID, Passed, decode, encode
from ocpp_gateway.relay.spool.reading import READ_BYTES, SpoolReader, spools_in
from ocpp_gateway.relay.spool.records import HEAD
from ocpp_gateway.relay.spool.writing import FILE_BYTES, RESERVE_BYTES, SpoolWriter, new_spool

MOST = 64 * 1024 * 1024
NOW = datetime(2026, 5, 4, 12, 30, 1, 123456, tzinfo=UTC)


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[SpoolWriter]:
    spool = new_spool(tmp_path, MOST)
    running = asyncio.create_task(spool.run())
    yield spool
    spool.stop()
    await running


async def everything(reader: SpoolReader, count: int, place: int = 0) -> tuple[list[bytes], int]:
    """Read so many records; return them and the place after them."""
    found: list[bytes] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            for record in reader.read(place):
                assert record.content is not None
                found.append(record.content)
                place = record.after
            await asyncio.sleep(0)
    return found, place


def left_behind(folder: Path) -> list[SpoolReader]:
    """Return the spools that nobody writes any more."""
    return [reader for reader in map(SpoolReader, spools_in(folder)) if reader.look()]


async def written(spool: SpoolWriter) -> None:
    """Wait until everything that was appended is durable."""
    async with asyncio.timeout(30):
        while spool.durable < spool._accepted:
            await asyncio.sleep(0.005)


async def reading(spool: SpoolWriter) -> SpoolReader:
    """Return the other end, once everything that was appended is durable."""
    await written(spool)
    return SpoolReader(spool.folder)


def crashed(spool: SpoolWriter) -> None:
    """Let go of the folder as a process does that ends at once."""
    spool.close()


async def test_what_is_appended_is_read_in_order(spool: SpoolWriter) -> None:
    records = [os.urandom(n % 700) or b"-" for n in range(5000)]
    for record in records:
        assert spool.append(record)
    reader = await reading(spool)
    found, place = await everything(reader, len(records))
    reader.close()
    assert found == records
    assert place == spool.durable


async def test_a_record_larger_than_what_is_read_at_once(spool: SpoolWriter) -> None:
    records = [b"a" * 10, b"b" * (READ_BYTES * 3), b"c" * 10]
    for record in records:
        spool.append(record)
    reader = await reading(spool)
    assert (await everything(reader, 3))[0] == records
    reader.close()


async def test_files_are_removed_once_they_are_released(spool: SpoolWriter) -> None:
    for _ in range(5):
        spool.append(b"x" * (FILE_BYTES // 2 + 1))
        await written(spool)
    assert len(list(spool.folder.glob("*.log"))) > 1
    reader = await reading(spool)
    _, place = await everything(reader, 5)
    reader.release(place)
    assert spool.size == 0
    spool.append(b"next")
    await written(spool)
    reader.release(place)
    assert (await everything(reader, 1, place))[0] == [b"next"]
    assert len(list(spool.folder.glob("*.log"))) == 1
    reader.close()


@pytest.mark.parametrize("torn", [1, HEAD.size - 1, HEAD.size, HEAD.size + 2])
async def test_what_is_before_a_torn_tail_is_there(spool: SpoolWriter, tmp_path: Path, torn: int) -> None:
    spool.append(b"first")
    spool.append(b"second")
    await written(spool)
    (file,) = spool.folder.glob("*.log")
    with file.open("ab") as opened:
        opened.write((HEAD.pack(100, 7) + b"half")[:torn])
    crashed(spool)
    (again,) = left_behind(tmp_path)
    found, place = await everything(again, 2)
    assert found == [b"first", b"second"]
    assert again.read(place) == [(again.durable, None)], "and what is torn is said to be"
    assert not again.was_closed
    again.close()


async def test_a_damaged_file_takes_no_other_with_it(spool: SpoolWriter) -> None:
    for number in range(4):
        spool.append(bytes([number]) * FILE_BYTES)
        await written(spool)
        spool.append(b"small")
        await written(spool)
    first = min(spool.folder.glob("*.log"))
    with first.open("r+b") as opened:
        opened.seek(HEAD.size + 5)
        opened.write(b"!!!!")
    reader = await reading(spool)
    records = reader.read(0)
    assert [record.content for record in records] == [None], "what cannot be read is skipped, and said to be"
    assert reader.read(records[0].after)[0].content == b"small"
    reader.close()


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
    (again,) = left_behind(tmp_path)
    assert again.was_closed
    found: list[bytes | None] = []
    at = 0
    while at < again.durable:
        for after, read in again.read(at):
            found.append(read)
            at = after
    records[place // (HEAD.size + 20)] = None  # type: ignore[call-overload]
    assert found == records
    again.close()


async def test_what_lives_is_not_taken_and_what_is_left_behind_is(spool: SpoolWriter, tmp_path: Path) -> None:
    spool.append(b"x")
    await written(spool)
    assert left_behind(tmp_path) == []
    crashed(spool)
    (found,) = left_behind(tmp_path)
    assert found.id == spool.id
    found.remove()
    assert not spool.folder.exists()


async def test_what_is_in_the_database_already_is_not_read_again(spool: SpoolWriter, tmp_path: Path) -> None:
    for number in range(10):
        spool.append(bytes([number]))
    reader = await reading(spool)
    after_five = reader.read(0)[4].after
    reader.close()
    crashed(spool)
    (again,) = left_behind(tmp_path)
    place = again.begin_at(after_five)
    assert (await everything(again, 5, place))[0] == [bytes([n]) for n in range(5, 10)]
    again.close()


async def test_beyond_its_bound_it_takes_nothing_and_says_how_much_that_was(tmp_path: Path) -> None:
    spool = new_spool(tmp_path, 2000 + RESERVE_BYTES)
    running = asyncio.create_task(spool.run())
    journal = Journal(spool)
    for number in range(50):
        journal.note(said(f"{number}"))
    kept = 50 - journal.lost
    assert 0 < kept < 50
    assert spool.size <= 2000 + 200
    reader = await reading(spool)
    found, place = await everything(reader, kept + 1)
    began = decode(found[-1])
    assert (began.kind, began.about, began.state, began.number, began.at) == (GAP, FULL, "", 0, NOW), "at once"
    journal.tell()
    assert spool.size <= 2000 + 200, "nothing more where there is no room"
    reader.release(place)
    journal.note(said("again"))
    journal.tell()
    found, _ = await everything(reader, 3, place)
    reader.close()
    again, gap, end = (decode(record) for record in found)
    assert (gap.kind, gap.station_id, gap.number, gap.at) == (GAP, "s1", 50 - kept, NOW)
    assert (end.kind, end.station_id, end.number, end.state) == (GAP, "", 0, NOW.isoformat())
    assert again.frame == "again"
    spool.stop()
    await running


async def test_a_disk_that_is_full_loses_what_it_could_not_take_and_nothing_else(spool: SpoolWriter) -> None:
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
    reader = await reading(spool)
    found, _ = await everything(reader, 4)
    reader.close()
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


async def test_whoever_reads_while_it_is_written_gets_what_is_durable_and_nothing_else(spool: SpoolWriter) -> None:
    spool.append(b"first")
    reader = await reading(spool)
    with next(spool.folder.glob("*.log")).open("ab") as opened:
        opened.write(HEAD.pack(5, 0) + b"never")  # as what is being written, and may yet be taken back
    assert [record.content for record in reader.read(0)] == [b"first"]
    assert reader.read(spool.durable) == []
    assert not reader.look(), "its writer lives"
    reader.close()


async def test_a_spool_of_which_nothing_is_known_but_its_files_is_read_once_it_is_left_behind(
    spool: SpoolWriter, tmp_path: Path
) -> None:
    spool.append(b"first")
    await written(spool)
    crashed(spool)
    (spool.folder / "places").unlink()
    (reader,) = left_behind(tmp_path)
    assert [record.content for record in reader.read(0)] == [b"first"]
    reader.remove()
    assert spools_in(tmp_path) == []
