"""Files on their way: stations are asked for them and bring them, or are told where theirs is."""

import hashlib
import secrets
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg

from ocpp_gateway import store as stations
from ocpp_gateway.commands.desk import Desk, Wish
from ocpp_gateway.devices.store import file_protocols
from ocpp_gateway.files import store
from ocpp_gateway.files.addresses import Way, firmware_address, upload_address, way_for
from ocpp_gateway.files.requests import Image, Kind, ask_for_log, give_firmware
from ocpp_gateway.files.signature import check_signature, read_certificate, read_signature
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.disk import Content, Folder
from youguan.errors import Conflict, Invalid, NotFound, Reason, TooLarge, YouguanError
from youguan.settings import Settings

LONGEST_NAME = 100
APART = timedelta(minutes=5)  # as far may a clock be from ours that says "now"


class Gone(YouguanError):
    """The address has been used, or its time is over."""

    status, code, title = 410, "gone", "No longer valid"


@dataclass(frozen=True, slots=True)
class Upload:
    """What somebody sends: its claimed size, name and type are the sender's words."""

    chunks: AsyncIterator[bytes]
    length: int | None
    remote: str | None = None
    name: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class LogWish:
    """Which log somebody wants of a station, and until when it may bring it; `over`: None where the station's word decides."""

    station_id: str
    kind: Kind
    oldest: datetime | None
    latest: datetime | None
    reason: str
    lifetime: timedelta
    over: Way | None = None


@dataclass(frozen=True, slots=True)
class FirmwareWish:
    """Which firmware a station is to install, and when."""

    station_id: str
    version: str | None
    firmware_id: str | None
    retrieve_at: datetime | None
    install_at: datetime | None
    reason: str
    over: Way | None = None


@dataclass(frozen=True, slots=True)
class FirmwareDraft:
    """Firmware as it is announced, before its content comes."""

    vendor: str
    model: str
    version: str
    name: str
    signing_certificate: str | None
    signature: str | None


@dataclass(slots=True)
class Depot:
    """Keeps evidence and firmware, and sends stations to the addresses of both."""

    pool: asyncpg.Pool
    desk: Desk
    clock: Clock
    settings: Settings
    evidence: Folder = field(init=False)
    firmware: Folder = field(init=False)
    _arriving: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        folder = self.settings.data_dir / "files"
        self.evidence, self.firmware = Folder(folder / "evidence"), Folder(folder / "firmware")

    # --- what stations bring ------------------------------------------------------------------------------------

    async def ask_for(
        self, who: Principal, wish: LogWish, *, wait_s: float, remote: str | None
    ) -> tuple[str, asyncpg.Record]:
        """Ask a station for a file; return the file's id and the command. Invalid, NotFound, Conflict."""
        _check_period(wish)
        now, file_id, token = self.clock.now(), str(uuid.uuid4()), secrets.token_urlsafe(32)
        async with self.pool.acquire() as connection:
            version = await self._version(connection, wish.station_id)
            way = await self._way(connection, wish.station_id, wish.over)
            address = upload_address(self.settings, way, token)
            request_id = await store.next_request(connection)
            expected = (
                file_id, wish.station_id, wish.kind, hash_of(token), who.subject, now, now + wish.lifetime, request_id,
            )  # fmt: skip
            await store.expect_file(connection, expected)
        action, payload = ask_for_log(version, wish.kind, address, request_id, wish.oldest, wish.latest)
        try:
            asked = Wish(wish.station_id, action, payload, wish.reason, to_us=True)
            command = await self.desk.ask(who, asked, wait_s=wait_s, remote=remote)
        except YouguanError:
            async with self.pool.acquire() as connection:
                await store.expect_no_more(connection, file_id)
            raise
        async with self.pool.acquire() as connection:
            await store.note_command(connection, file_id, command["id"])
        return file_id, command

    async def expected(self, token: str) -> asyncpg.Record:
        """Return the file that a token is for; NotFound, Gone where it came or its time is over."""
        async with self.pool.acquire() as connection:
            expected = await store.find_expected(connection, hash_of(token))
        if expected is None:
            raise NotFound("no file is expected here")
        if expected["received_at"] is not None:
            raise Gone("the file was received already")
        if expected["expires_at"] <= self.clock.now():
            raise Gone("the time for this file is over")
        return expected

    async def receive(self, token: str, upload: Upload) -> str:
        """Take the file that a token is for; return its SHA-256. NotFound, Gone, Conflict, TooLarge, Interrupted.

        What is cut off leaves nothing, and the station may try again until it has been told that its file is there.
        """
        expected = await self.expected(token)
        _check_length(upload.length, self.settings.largest_upload_bytes)
        file_id = expected["id"]
        if file_id in self._arriving:
            raise Conflict("this file is being received at this moment")
        self._arriving.add(file_id)
        try:
            content = await self.evidence.receive(file_id, upload.chunks, self.settings.largest_upload_bytes)
            async with self.pool.acquire() as connection, connection.transaction():
                if not await store.keep_file(
                    connection, file_id, content, at=self.clock.now(), remote=upload.remote,
                    name=safe_name(upload.name), content_type=(upload.content_type or "")[:LONGEST_NAME] or None,
                ):  # fmt: skip
                    raise Gone("the file was received already")
        finally:
            self._arriving.discard(file_id)
        return content.sha256

    async def open_evidence(self, who: Principal, file_id: str, *, remote: str | None) -> tuple[asyncpg.Record, Path]:
        """Return a file that came and where it lies; that somebody looked at it is written down. NotFound, Unavailable."""
        async with self.pool.acquire() as connection, connection.transaction():
            row = await store.get_received(connection, file_id, who.scope)
            path = self.evidence.find(file_id, row["sha256"])
            await audit.record(
                connection, at=self.clock.now(), actor=who.subject, action="download", subject=f"file {file_id}",
                after={"station": row["station_id"], "sha256": row["sha256"]}, remote=remote,
            )  # fmt: skip
        return row, path

    # --- firmware -----------------------------------------------------------------------------------------------

    async def announce(self, who: Principal, draft: FirmwareDraft, *, remote: str | None) -> asyncpg.Record:
        """Announce firmware whose content is to come; Invalid names what is wrong with its signature."""
        _check_draft(draft)
        async with self.pool.acquire() as connection, connection.transaction():
            return await self._announce(connection, who, str(uuid.uuid4()), draft, remote)

    async def bring(self, who: Principal, draft: FirmwareDraft, upload: Upload) -> asyncpg.Record:
        """Take firmware and what it is at once, whole or not at all; Invalid, Conflict, TooLarge, Interrupted."""
        _check_draft(draft)
        _check_length(upload.length, self.settings.largest_firmware_bytes)
        firmware_id = str(uuid.uuid4())
        async with self.pool.acquire() as connection:
            await _refuse_where_offered(connection, draft)
        content = await self.firmware.receive(firmware_id, upload.chunks, self.settings.largest_firmware_bytes)
        try:
            _check_signed(draft.signing_certificate, draft.signature, content)
            async with self.pool.acquire() as connection, connection.transaction():
                await self._announce(connection, who, firmware_id, draft, upload.remote)
                return await self._keep(connection, who, firmware_id, content, upload.remote)
        except YouguanError:
            self.firmware.path(firmware_id, content.sha256).unlink()
            raise

    async def _announce(
        self, connection: asyncpg.Connection, who: Principal, firmware_id: str, draft: FirmwareDraft, remote: str | None
    ) -> asyncpg.Record:
        now = self.clock.now()
        await _refuse_where_offered(connection, draft)
        await audit.record(
            connection, at=now, actor=who.subject, action="announce firmware", subject=f"firmware {firmware_id}",
            after={"vendor": draft.vendor, "model": draft.model, "version": draft.version}, remote=remote,
        )  # fmt: skip
        announced = (
            firmware_id, draft.vendor, draft.model, draft.version, safe_name(draft.name) or "firmware.bin",
            draft.signing_certificate, draft.signature, who.subject, now,
        )  # fmt: skip
        return await store.announce_firmware(connection, announced)

    async def _keep(
        self, connection: asyncpg.Connection, who: Principal, firmware_id: str, content: Content, remote: str | None
    ) -> asyncpg.Record:
        now = self.clock.now()
        row = await store.keep_firmware(connection, firmware_id, content, now)
        await audit.record(
            connection, at=now, actor=who.subject, action="upload firmware", subject=f"firmware {firmware_id}",
            after={"sha256": content.sha256}, remote=remote,
        )  # fmt: skip
        return row

    async def take_firmware(self, who: Principal, firmware_id: str, upload: Upload) -> asyncpg.Record:
        """Take the content of announced firmware; Invalid where it is not what was signed."""
        async with self.pool.acquire() as connection:
            announced = await store.get_firmware(connection, firmware_id)
        if announced["received_at"] is not None:
            raise Conflict("this firmware has its content already")
        if announced["withdrawn_at"] is not None:
            raise Conflict(_withdrawn(announced))
        _check_length(upload.length, self.settings.largest_firmware_bytes)
        if firmware_id in self._arriving:
            raise Conflict("this firmware is being received at this moment")
        self._arriving.add(firmware_id)
        try:
            content = await self.firmware.receive(firmware_id, upload.chunks, self.settings.largest_firmware_bytes)
            try:
                _check_signed(announced["signing_certificate"], announced["signature"], content)
            except Invalid:
                self.firmware.path(firmware_id, content.sha256).unlink()
                raise
            async with self.pool.acquire() as connection, connection.transaction():
                return await self._keep(connection, who, firmware_id, content, upload.remote)
        finally:
            self._arriving.discard(firmware_id)

    async def withdraw(self, who: Principal, firmware_id: str, reason: str, *, remote: str | None) -> asyncpg.Record:
        """Take firmware back: from now on no station is sent to it or given it. NotFound, Conflict, Invalid."""
        why = reason.strip()
        if not why:
            raise Invalid.about("reason", "say why")
        now = self.clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            row = await store.withdraw_firmware(connection, firmware_id, who.subject, why, now)
            await audit.record(
                connection, at=now, actor=who.subject, action="withdraw firmware", subject=f"firmware {firmware_id}",
                after={"vendor": row["vendor"], "model": row["model"], "version": row["version"], "reason": why},
                remote=remote,
            )  # fmt: skip
        return row

    async def give(self, who: Principal, wish: FirmwareWish, *, wait_s: float, remote: str | None) -> asyncpg.Record:
        """Send a station to its firmware; return the command. Invalid, NotFound, Conflict where the make is another."""
        retrieve_at = wish.retrieve_at or self.clock.now()
        _check_which(wish)
        _check_times(wish, retrieve_at, self.clock.now())
        async with self.pool.acquire() as connection:
            version = await self._version(connection, wish.station_id)
            station = await stations.get_station(connection, wish.station_id)
            firmware = await self._choose(connection, station, wish)
            way = await self._way(connection, wish.station_id, wish.over)
            request_id = await store.next_request(connection)
        address = firmware_address(self.settings, way, firmware["id"], firmware["name"])
        image = Image(address, firmware["signing_certificate"], firmware["signature"])
        action, payload = give_firmware(version, image, request_id, retrieve_at, wish.install_at)
        return await self.desk.ask(
            who, Wish(wish.station_id, action, payload, wish.reason), wait_s=wait_s, remote=remote
        )

    async def _choose(
        self, connection: asyncpg.Connection, station: asyncpg.Record, wish: FirmwareWish
    ) -> asyncpg.Record:
        make = (station["vendor"], station["model"])
        if None in make:
            raise Conflict("the station has not said of which make it is")
        if wish.firmware_id is None:
            return await store.find_firmware(connection, *make, wish.version or "")
        firmware = await store.get_firmware(connection, wish.firmware_id)
        if firmware["received_at"] is None:
            raise Conflict("this firmware has no content yet")
        if firmware["withdrawn_at"] is not None:
            raise Conflict(_withdrawn(firmware))
        if (firmware["vendor"], firmware["model"]) != make:
            meant = f"{firmware['vendor']} {firmware['model']}"
            raise Conflict(
                Reason("this firmware is for {meant}, the station is {make}", meant=meant, make=" ".join(make))
            )
        return firmware

    async def open_firmware(self, firmware_id: str) -> tuple[asyncpg.Record, Path]:
        """Return firmware that came and where it lies; NotFound, Gone where it was withdrawn, Unavailable."""
        async with self.pool.acquire() as connection:
            row = await store.get_firmware(connection, firmware_id)
        if row["withdrawn_at"] is not None:
            raise Gone("this firmware was withdrawn")
        if row["received_at"] is None:
            raise NotFound(Reason("firmware {id}", id=firmware_id))
        return row, self.firmware.find(firmware_id, row["sha256"])

    async def _way(self, connection: asyncpg.Connection, station_id: str, wished: Way | None) -> Way:
        return way_for(self.settings, wished, await file_protocols(connection, station_id))

    async def _version(self, connection: asyncpg.Connection, station_id: str) -> str:
        station = await stations.get_station(connection, station_id)
        if not station["connected"] or station["ocpp_version"] is None:
            raise Conflict(Reason("station {station_id} is not connected", station_id=station_id))
        return str(station["ocpp_version"])


def hash_of(token: str) -> str:
    """Return by what a token is known: who reads the database can bring no file."""
    return hashlib.sha256(token.encode()).hexdigest()


def safe_name(name: str | None) -> str | None:
    """Return the last part of a name, of letters that are harmless in every header and on every disk."""
    last = (name or "").replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in last)
    return kept.lstrip(".")[:LONGEST_NAME] or None


async def _refuse_where_offered(connection: asyncpg.Connection, draft: FirmwareDraft) -> None:
    if await store.has_firmware(connection, draft.vendor, draft.model, draft.version):
        raise Conflict("firmware of this vendor, model and version is there already")


def _check_period(wish: LogWish) -> None:
    if wish.oldest is not None and wish.latest is not None and wish.latest < wish.oldest:
        raise Invalid.about("latest", "lies before oldest")


def _check_which(wish: FirmwareWish) -> None:
    """Refuse what names no firmware, or names it twice and might mean two; Invalid."""
    if not wish.version and not wish.firmware_id:
        raise Invalid.about("version", "say which firmware: version or firmware_id")
    if wish.version and wish.firmware_id:
        raise Invalid.about("firmware_id", "goes without version")


def _check_times(wish: FirmwareWish, retrieve_at: datetime, now: datetime) -> None:
    """Refuse to have installed what is not fetched yet, or long ago; to fetch something in the past means at once. Invalid."""
    if wish.install_at is None:
        return
    if wish.install_at < now - APART:
        raise Invalid.about("install_at", "must not lie in the past")
    if wish.install_at < retrieve_at - APART:
        raise Invalid.about("install_at", "lies before retrieve_at")


def _check_draft(draft: FirmwareDraft) -> None:
    if (draft.signature is None) != (draft.signing_certificate is None):
        raise Invalid.about("signature", "goes together with signing_certificate")
    if draft.signature is not None and draft.signing_certificate is not None:
        read_certificate(draft.signing_certificate)
        read_signature(draft.signature)


def _check_signed(signing_certificate: str | None, signature: str | None, content: Content) -> None:
    """Refuse content that is not what was signed; Invalid."""
    if signing_certificate is not None and signature is not None:
        check_signature(signing_certificate, signature, content.sha256)


def _withdrawn(firmware: asyncpg.Record) -> Reason:
    return Reason("this firmware was withdrawn: {why}", why=firmware["withdrawn_reason"])


def _check_length(length: int | None, largest: int) -> None:
    if length is not None and length > largest:
        raise TooLarge(Reason("larger than {largest} bytes", largest=largest))
