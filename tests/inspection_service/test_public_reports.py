"""What everybody reports: what of it is kept, how it is counted and joined, what came of it, and that it is erased in time."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inspection_service.public_reports import store
from inspection_service.public_reports.desk import LARGEST_PHOTO_BYTES, ReportDesk
from inspection_service.public_reports.limits import FROM_ONE, OF_ONE
from inspection_service.public_reports.photo import bare
from inspection_service.public_reports.report import (
    ALPHABET,
    LENGTH,
    Report,
    as_receipt,
    receipt_of,
    steps,
    without_personal_data,
)
from inspection_service.tasks import store as tasks
from inspection_service.tasks.machine import Command
from tests.inspection_service.test_tasks import SITE, World, ledger, raised, resolved
from youguan.database import create_pool
from youguan.errors import Invalid, NotFound, TooLarge, TooManyRequests
from youguan.events import StationFile

# --- what is kept of a text and of a photo ---


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("打 13812345678 找我", "打 *** 找我"),
        ("+86 138-1234-5678", "***"),
        ("我的车浙B12345，新能源浙BD12345", "我的车***，新能源***"),
        ("身份证 33022619900101123X。", "身份证 ***。"),
        ("a.b@c.cn", "***"),
        ("2 号枪，2026-11-30 充了 20 度，扣了 35.5 元", "2 号枪，2026-11-30 充了 20 度，扣了 35.5 元"),
        ("NH0001-001 #2 GroundFailure", "NH0001-001 #2 GroundFailure"),
        ("交易号 2026113013812345678901", "交易号 2026113013812345678901"),
    ],
)
def test_what_says_who_somebody_is_is_masked(said: str, kept: str) -> None:
    assert without_personal_data(said) == kept


@given(st.lists(st.integers(0, len(ALPHABET) - 1), min_size=LENGTH, max_size=LENGTH))
@example([ALPHABET.index("B"), ALPHABET.index("X"), *[0] * (LENGTH - 2)])
def test_a_receipt_may_be_typed_as_one_likes(numbers: list[int]) -> None:
    receipt = receipt_of(numbers)
    for typed in (receipt, receipt.lower(), receipt.replace("-", ""), receipt.removeprefix("BX-"), f" {receipt} "):
        assert as_receipt(typed) == receipt


@pytest.mark.parametrize("typed", ["", "BX", "BX-00000-00000", "BX-22222-2222", "BX-22222-222222", "'; DROP", "é" * 10])
def test_what_is_no_receipt(typed: str) -> None:
    assert as_receipt(typed) is None


def exif(orientation: int) -> bytes:
    """Return an EXIF segment with an orientation and a position."""
    gps = b"29.3N 121.4E, phone of somebody"
    tiff = (
        b"II*\0"
        + struct.pack("<IHHHIHHHHI8s", 8, 2, 0x0112, 3, 1, orientation, 0, 0x8825, 4, 1, b"\x26\0\0\0\0\0\0\0")
        + gps
    )
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


JFIF, TABLE, SCAN = segment(0xE0, b"JFIF\0\1\1"), segment(0xDB, b"\0" * 65), segment(0xDA, b"\1\1\0\0\x3f\0")
PICTURE = JFIF + TABLE + SCAN + b"\x12\xff\x00\x34\xff\xd0\x56" + SCAN + b"\x78"
END = b"\xff\xd9"


@pytest.mark.parametrize(
    ("beside", "turned"),
    [(b"", False), (exif(1), False), (exif(6), True), (segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0who"), False),
     (segment(0xFE, b"phone of somebody"), False), (segment(0xED, b"Photoshop 3.0 by somebody"), False)],
)  # fmt: skip
def test_a_photo_keeps_its_picture_and_how_it_is_turned(beside: bytes, turned: bool) -> None:
    kind, kept = bare(b"\xff\xd8" + beside + PICTURE + END + b"a film behind it, of somebody")
    assert kind == "image/jpeg"
    assert kept.endswith(PICTURE + END)
    assert b"somebody" not in kept
    assert b"29.3N" not in kept
    assert (b"Exif" in kept) is turned
    assert bare(kept) == (kind, kept)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def test_a_png_and_a_webp_keep_their_picture() -> None:
    head, data, end = chunk(b"IHDR", b"\0" * 13), chunk(b"IDAT", b"x"), chunk(b"IEND", b"")
    told = chunk(b"eXIf", b"somebody") + chunk(b"tEXt", b"Author\0somebody") + chunk(b"iTXt", b"somebody")
    png = b"\x89PNG\r\n\x1a\n"
    assert bare(png + head + told + data + end + b"somebody") == ("image/png", png + head + data + end)

    def riff(*chunks: tuple[bytes, bytes]) -> bytes:
        body = b"WEBP" + b"".join(
            name + struct.pack("<I", len(said)) + said + b"\0" * (len(said) % 2) for name, said in chunks
        )
        return b"RIFF" + struct.pack("<I", len(body)) + body

    whole = riff(
        (b"VP8X", bytes([0x1C]) + b"\0" * 9), (b"VP8 ", b"abc"), (b"EXIF", b"somebody"), (b"XMP ", b"somebody")
    )
    assert bare(whole) == ("image/webp", riff((b"VP8X", bytes([0x10]) + b"\0" * 9), (b"VP8 ", b"abc")))


@given(
    st.binary(max_size=60),
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x20\0\0\0WEBP", b"%PDF-", b""]),
)
def test_what_is_no_whole_photo_is_refused_and_never_an_accident(rest: bytes, beginning: bytes) -> None:
    try:
        kind, kept = bare(beginning + rest)
    except Invalid as error:
        assert error.fields[0].field == "photo"
    else:
        assert bare(kept)[0] == kind


@pytest.mark.parametrize("cut", range(4, len(PICTURE) + 3))
def test_half_a_photo_is_none(cut: int) -> None:
    with pytest.raises(Invalid):
        bare((b"\xff\xd8" + PICTURE + END)[:cut])


def test_everybody_is_told_what_was_done_and_not_by_whom() -> None:
    lines = [
        {"at": 1, "command": "open", "state": "open", "actor": "public", "reason": ""},
        {"at": 2, "command": "join", "state": "open", "actor": "public", "reason": ""},
        {"at": 3, "command": "ask_transfer", "state": "open", "actor": "m", "reason": "inner matters"},
        {"at": 4, "command": "accept", "state": "accepted", "actor": "m", "reason": "x"},
    ]
    assert [step.command for step in steps(lines)] == ["open", "accept"]


# --- the desk ---

STATION = StationFile(station_id="a", connectors=2, power_w=7000, current_type="AC")
PHOTO = b"\xff\xd8" + exif(6) + PICTURE + END


class Hall(World):
    """The world with a desk for everybody."""

    def __init__(self, pool: Any) -> None:
        super().__init__(pool)
        self.reports = ReportDesk(pool, self.desk, timedelta(days=180))

    async def report(self, matter: str = "cannot_charge", photo: bytes | None = None, **said: Any) -> tuple[str, bool]:
        received = await self.reports.take(Report(**{"matter": matter, "station_id": "a", **said}), photo)
        return received.receipt, received.joined

    async def told_of(self, receipt: str) -> dict[str, Any]:
        async with self.pool.acquire() as connection:
            return dict(await store.get(connection, receipt))


@pytest.fixture
async def hall(database_url: str) -> AsyncIterator[Hall]:
    async with await create_pool(database_url) as pool:
        hall = Hall(pool)
        await hall.tell(replace(SITE, stations=(STATION,)), ledger(("manager", "m", 80)))
        await pool.execute("INSERT INTO bounds.station VALUES ('a', 's')")
        yield hall


async def test_from_a_word_of_the_public_to_its_end(hall: Hall) -> None:
    first, joined = await hall.report(text="充不上，打 13812345678", photo=PHOTO)
    assert joined is False
    task = await hall.task()
    assert (task["origin"], task["cause"], task["assignee_id"], task["details"]) == ("public", "cannot_charge", "m", {})
    await hall.pass_time(1)
    second, joined = await hall.report(text="我也是")
    assert joined is True
    assert (await hall.told_of(first))["reports"] == 2
    assert len(await hall.tasks()) == 1
    await hall.tell(raised())  # the charger says the same, later
    told = await hall.told_of(second)
    assert (told["state"], told["merged_into"]) == ("open", None)
    assert (await hall.task())["cause"] == "connector_fault"
    async with hall.pool.acquire() as connection:
        reports = await store.of_task(connection, told["task_id"])
        assert [(row["number"], row["said"]) for row in reports] == [(2, "我也是"), (1, "充不上，打 ***")]
        kind, kept = await store.photo(connection, told["task_id"], 1)
        assert (kind, kept) == bare(PHOTO)
        with pytest.raises(NotFound):
            await store.photo(connection, told["task_id"], 2)
        assert [line["command"] for line in await tasks.history(connection, told["task_id"])] == ["open", "join"]
    written = await hall.pool.fetch("SELECT actor, remote, before, after FROM audit.trail")
    assert {(row["actor"], row["remote"]) for row in written} == {("public", None)}
    everything = str([tuple(row) for row in written]) + str(await hall.told("TaskOpened"))
    assert "充不上" not in everything


async def test_what_is_told_after_the_charger_was_mended_is_not_what_became_part_of_its_task(hall: Hall) -> None:
    first, _ = await hall.report()
    await hall.tell(raised())
    await hall.tell(resolved())
    await hall.pass_time(3600)
    assert (await hall.told_of(first))["state"] == "closed"
    again, joined = await hall.report()
    told = await hall.told_of(again)
    assert (joined, told["state"], told["reports"]) == (False, "open", 1)
    assert (await hall.told_of(first))["state"] == "closed"


async def test_whoever_says_the_same_again_objects_to_the_lot(hall: Hall) -> None:
    await hall.report("screen_dead")
    await hall.mend()
    assert (await hall.task())["awaiting"] == "sampling"
    _, joined = await hall.report("screen_dead")
    assert (joined, (await hall.task())["awaiting"]) == (True, "inspector")
    await hall.pass_time(timedelta(days=9).total_seconds())
    assert await hall.state() == "mended"


async def test_a_form_that_is_sent_again_is_one_report(hall: Hall) -> None:
    found = await asyncio.gather(*(hall.report(token="t") for _ in range(4)))
    assert len({receipt for receipt, _ in found}) == 1
    assert await hall.pool.fetchval("SELECT count(*) FROM inspection.public_report") == 1


async def test_many_at_once_are_one_task(hall: Hall) -> None:
    found = await asyncio.gather(*(hall.report(token=str(n)) for n in range(4)))
    assert len({receipt for receipt, _ in found}) == 4
    assert len(await hall.tasks()) == 1


@pytest.mark.parametrize(
    ("said", "photo", "error", "field"),
    [
        ({"matter": "connector_fault"}, None, Invalid, "matter"),
        ({"matter": "metering"}, None, Invalid, "matter"),
        ({"matter": "other"}, None, Invalid, "text"),
        ({"text": "x" * 501}, None, Invalid, "text"),
        ({"station_id": None}, None, Invalid, "station_id"),
        ({"station_id": "nowhere"}, None, NotFound, None),
        ({"station_id": None, "site_id": "nowhere"}, None, NotFound, None),
        ({}, b"GIF89a", Invalid, "photo"),
        ({}, b"%PDF-1.7", Invalid, "photo"),
        ({}, b"\xff\xd8\xff\xe0", Invalid, "photo"),
        ({}, b"\xff\xd8\xff" + b"\0" * LARGEST_PHOTO_BYTES, TooLarge, None),
    ],
)
async def test_what_is_refused_leaves_nothing(
    hall: Hall, said: dict[str, Any], photo: bytes | None, error: type[Any], field: str | None
) -> None:
    with pytest.raises(error) as raised_error:
        await hall.report(**said, photo=photo)
    assert [wrong.field for wrong in raised_error.value.fields] == ([field] if field else [])
    assert await hall.tasks() == []


async def test_only_so_many_from_one_address_and_of_one_station(hall: Hall) -> None:
    for _ in range(FROM_ONE):
        await hall.reports.admit("1.2.3.4")
    with pytest.raises(TooManyRequests):
        await hall.reports.admit("1.2.3.4")
    await hall.reports.admit("5.6.7.8")
    hall.clock.advance(timedelta(minutes=11))
    await hall.reports.admit("1.2.3.4")
    for _ in range(OF_ONE):
        await hall.report()
    with pytest.raises(TooManyRequests):
        await hall.report()
    assert (await hall.report(station_id=None, site_id="s"))[1] is False


async def test_what_one_process_has_counted_every_other_counts_too(hall: Hall) -> None:
    others = [ReportDesk(hall.pool, hall.desk, timedelta(days=180)) for _ in range(3)]
    tries = [desk.admit("1.2.3.4") for desk in (hall.reports, *others) for _ in range(5)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, TooManyRequests)]
    assert (len(refused), outcomes.count(None)) == (len(tries) - FROM_ONE, FROM_ONE)
    assert {each.headers["Retry-After"] for each in refused} == {"600"}
    assert not await hall.pool.fetchval("SELECT EXISTS (SELECT FROM inspection.public_try WHERE key LIKE '%1.2.3.4%')")
    hall.clock.advance(timedelta(minutes=11))
    await hall.reports.erase()
    assert await hall.pool.fetchval("SELECT count(*) FROM inspection.public_try") == 0


async def test_words_and_photos_are_erased_in_time(hall: Hall) -> None:
    receipt, _ = await hall.report(matter="danger", text="冒烟", photo=PHOTO, token="t")
    await hall.pass_time(200 * 86400)
    assert await hall.reports.erase() == 0  # it is open still
    for command in (Command.MEND, Command.CONFIRM):
        await hall.do(command)
    await hall.pass_time(179 * 86400)
    assert await hall.reports.erase() == 0
    await hall.pass_time(86401)
    assert await hall.reports.erase() == 1
    assert await hall.reports.erase() == 0
    row = await hall.pool.fetchrow("SELECT said, photo, photo_type, token FROM inspection.public_report")
    assert tuple(row) == ("", None, None, None)
    assert (await hall.told_of(receipt))["state"] == "closed"
