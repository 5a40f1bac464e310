"""Where evidence is collected, confirmed by the second officer, published as the day's root, and packed for others."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

import asyncpg
import orjson

from inspection_service.cases import store as cases
from inspection_service.cases.machine import State
from inspection_service.cases.opening import noon
from inspection_service.evidence import bundle, reviewing, store
from inspection_service.evidence.chain import Link, Signer, leaf, path, root
from inspection_service.evidence.deeds import Deed, Standing, refuse
from inspection_service.evidence.reviewing import Findings, Review
from inspection_service.law.evidence import MONITORING, Piece
from inspection_service.monitoring.desk import recorded_by
from youguan import audit
from youguan.auth import Principal
from youguan.bounds import stations_within
from youguan.clock import COUNTY, Clock, county_day, utc_text
from youguan.documents import Document, Shelf, hold_quota
from youguan.errors import Conflict, Invalid, NotFound, Reason, Unavailable
from youguan.quota import A_DAY, DOCUMENTS, refuse_beyond

LONGEST_EXTRACT, MOST_EVENTS = timedelta(days=31), 10_000
RECORD = "record"
JSON, TEXT, PDF = "application/json", "text/plain; charset=utf-8", "application/pdf"
ROOTS_S = 600.0
SAID_BY_PEOPLE = frozenset({"witness", "statement", "expert", RECORD})  # never by a camera or a meter (Art. 46)
LATEST_COMMIT = timedelta(minutes=10)  # what was collected before midnight is committed by then


@dataclass(frozen=True, slots=True)
class Wish:
    """What a piece of evidence is said to be. `taken_at`: when it came to be; `source`: where exactly it comes from.

    `equipment`: the entry of the register that names what recorded it.
    """

    kind: str
    origin: str
    title: str
    taken_at: datetime
    source: Mapping[str, Any]
    reviewed: bool = False
    equipment: str | None = None


class EvidenceDesk:
    """Keeps the chains."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, shelf: Shelf, private_key: str | None) -> None:
        self.pool = pool
        self.shelf = shelf
        self._clock = clock
        self._signer = Signer(private_key) if private_key else None

    @property
    def signer(self) -> Signer:
        """Return who signs; Unavailable without a key."""
        if self._signer is None:
            raise Unavailable("no key to sign evidence with is configured (YOUGUAN_EVIDENCE_PRIVATE_KEY)")
        return self._signer

    async def collect_file(
        self, who: Principal, case_id: str, wish: Wish, receive: Callable[[], Awaitable[Document]], size_bytes: int
    ) -> Link:
        """Add a photo or a paper; whoever may not, or brings too much for a day, is told before its content is kept."""
        async with self.pool.acquire() as connection, connection.transaction():
            case = await self.hold(connection, who, case_id)
            _refuse_second_record(case, wish)
            await self._refuse_beyond_quota(connection, who, size_bytes)
            wish = await _recorded(connection, case, wish)
        document = await receive()
        described = {"sha256": document.sha256, "size_bytes": document.size_bytes, "media_type": document.media_type}
        return await self._collect_within_quota(who, case_id, wish, {**described, "name": document.name}, None)

    async def collect_printed(self, who: Principal, case_id: str, wish: Wish, pdf: bytes) -> Link:
        """Add a document that was printed elsewhere in the service, byte by byte."""
        return await self._collect(who, case_id, wish, _described(pdf, PDF), pdf)

    async def collect_text(self, who: Principal, case_id: str, wish: Wish, words: str) -> Link:
        """Add a statement, or a record written where no site is."""
        async with self.pool.acquire() as connection, connection.transaction():
            case = await self.hold(connection, who, case_id)
            described = _described(words.encode(), TEXT)
            return await self.collect_within(connection, who, case, wish, described, words.encode())

    async def collect_telemetry(
        self, who: Principal, case_id: str, station_id: str, start: datetime, end: datetime, title: str
    ) -> Link:
        """Freeze what was told of a station within a time: a lead, kept as it is now."""
        now = self._clock.now()
        if not start < end <= now or end - start > LONGEST_EXTRACT:
            said = Reason("a time in the past of {days} days at the most", days=LONGEST_EXTRACT.days)
            raise Invalid.about("from, to", said)
        async with (
            self.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            if station_id not in await stations_within(connection, who.scope, [station_id]):
                raise NotFound(Reason("station {station}", station=station_id))
            count = await store.count_told_of(connection, station_id, start, end)
            if count > MOST_EVENTS:
                said = Reason(
                    "{count} events; a piece of evidence has {most} at the most: take a shorter time",
                    count=count,
                    most=MOST_EVENTS,
                )
                raise Invalid.about("from, to", said)
            told = await store.told_of(connection, station_id, start, end)
            body = orjson.dumps([dict(event) for event in told], option=orjson.OPT_UTC_Z)
            await self._refuse_beyond_quota(connection, who, len(body))
        source = {"station_id": station_id, "from": utc_text(start), "to": utc_text(end), "events": len(told)}
        wish = Wish("electronic", "telemetry", title, end, source)
        return await self._collect_within_quota(who, case_id, wish, _described(body, JSON), body)

    async def confirm(self, who: Principal, case_id: str, place: int) -> Link:
        """Let the other officer say that he was there, or has checked it (Art. 42)."""
        async with self.pool.acquire() as connection, connection.transaction():
            case = await self.hold(connection, who, case_id, Deed.CONFIRM)
            record, _ = await store.content(connection, case_id, place)
            links = await store.links(connection, case_id)
            if who.subject in officers_of(links, place):
                raise Conflict(
                    Reason("{subject} stands for evidence {place} already", subject=who.subject, place=record["place"])
                )
            reviewing.refuse_confirmation(links, place, who.subject)
            said = {"type": "confirmation", "confirms": place}
            return await self._add(connection, who, case, links, said, None)

    async def review(self, who: Principal, case_id: str, place: int, findings: Findings) -> Link:
        """Say whether what equipment recorded is real, clear, whole and exact (Art. 41). NotFound, Forbidden, Invalid, Conflict."""
        findings, level = reviewing.checked(findings), who.level or 0
        async with self.pool.acquire() as connection, connection.transaction():
            case = await self.hold(connection, who, case_id, Deed.REVIEW)
            record, _ = await store.content(connection, case_id, place)
            links = await store.links(connection, case_id)
            reviewing.refuse_review(record, reviewing.reviews(links).get(place), who.subject, level)
            return await self._add(connection, who, case, links, reviewing.said(place, level, findings), None)

    async def _refuse_beyond_quota(self, connection: asyncpg.Connection, who: Principal, size_bytes: int) -> None:
        now = self._clock.now()
        refuse_beyond(DOCUMENTS, await store.collected_since(connection, who.subject, now - A_DAY), 1, size_bytes, now)

    async def _collect(
        self, who: Principal, case_id: str, wish: Wish, described: Mapping[str, Any], content: bytes | None
    ) -> Link:
        async with self.pool.acquire() as connection, connection.transaction():
            case = await self.hold(connection, who, case_id)
            return await self.collect_within(connection, who, case, wish, described, content)

    async def _collect_within_quota(
        self, who: Principal, case_id: str, wish: Wish, described: Mapping[str, Any], content: bytes | None
    ) -> Link:
        """Add a piece where a day's quota still has room for it: of several that came at once each counts those before it."""
        async with self.pool.acquire() as connection, connection.transaction():
            case = await self.hold(connection, who, case_id)
            await hold_quota(connection, who.subject)
            await self._refuse_beyond_quota(connection, who, described["size_bytes"])
            return await self.collect_within(connection, who, case, wish, described, content)

    async def collect_within(
        self, connection: asyncpg.Connection, who: Principal, case: asyncpg.Record, wish: Wish, described: Mapping[str, Any],
        content: bytes | None,
    ) -> Link:  # fmt: skip
        """Add a piece to a case that the caller holds; `described`: hash, size and type of its content, None: on the shelf.

        Conflict: what was seen at a site its visit's record says.
        """
        _refuse_second_record(case, wish)
        if wish.taken_at > self._clock.now():
            raise Invalid.about("taken_at", "lies in the future")
        links = await store.links(connection, case["id"])
        said = {
            "type": "evidence", "kind": wish.kind, "origin": wish.origin, "title": wish.title,
            "taken_at": utc_text(wish.taken_at), "source": dict(wish.source), "reviewed": wish.reviewed, **described,
        }  # fmt: skip
        return await self._add(connection, who, case, links, said, content)

    async def hold(
        self, connection: asyncpg.Connection, who: Principal, case_id: str, deed: Deed = Deed.COLLECT
    ) -> asyncpg.Record:
        """Return the case, held, for a deed; NotFound beyond one's bounds, Forbidden for whom it is not, Conflict at its end."""
        case = await cases.get(connection, case_id, hold=True)
        if not who.scope.covers(case["division_code"], None):
            raise NotFound(Reason("case {id}", id=case_id))
        refuse(deed, await self.standing(connection, case), who)
        return case

    async def standing(self, connection: asyncpg.Connection, case: asyncpg.Record) -> Standing:
        """Return what of a case decides who may do what to its evidence."""
        facts = case["facts"]
        interested = await cases.interested(connection, case["party_id"], case["site_id"], noon(case["act_on"]))
        return Standing(State(case["state"]), facts["officers"], facts.get("investigators", ()), interested)

    async def _add(
        self, connection: asyncpg.Connection, who: Principal, case: asyncpg.Record, links: list[Link],
        said: Mapping[str, Any], content: bytes | None,
    ) -> Link:  # fmt: skip
        now = self._clock.now()
        record = {
            "case": case["number"], "place": len(links) + 1, "by": who.subject, "by_name": who.name,
            "collected_at": utc_text(now), **said,
        }  # fmt: skip
        link = self.signer.link(links[-1].hash if links else "", record)
        await store.add(connection, case["id"], now, link, content)
        await audit.record(
            connection, at=now, actor=who.subject, action=f"evidence {said['type']}", subject=f"case {case['number']}",
            after={"place": record["place"], "hash": link.hash},
        )  # fmt: skip
        return link

    # --- roots ---

    async def watch_roots(self) -> None:
        """Publish the root of every day that is over, again and again."""
        while True:
            if self._signer is not None:
                await self.publish_roots()
            await asyncio.sleep(ROOTS_S)

    async def publish_roots(self) -> int:
        """Publish what is due; return how many days that was."""
        async with self.pool.acquire() as connection, connection.transaction():
            last = await store.hold_roots(connection)
            first = await store.first_day(connection)
            if first is None:
                return 0
            day = last[0]["day"] + timedelta(days=1) if last else county_day(first)
            previous, count = last[0]["hash"] if last else "", 0
            while day < county_day(self._clock.now() - LATEST_COMMIT):
                link = await self._root(connection, day, previous)
                await store.add_root(connection, day, link)
                previous, day, count = link.hash, day + timedelta(days=1), count + 1
            return count

    async def _root(self, connection: asyncpg.Connection, day: date, previous: str) -> Link:
        leaves = [leaf(h["number"], h["place"], h["hash"]) for h in await store.heads(connection, _end_of(day))]
        record = {"day": day.isoformat(), "cases": len(leaves), "root": root(leaves), "previous": previous}
        return self.signer.link(previous, record)

    # --- bundles ---

    async def pack(self, who: Principal, case_id: str) -> tuple[str, bytes]:
        """Return a case's number, and its evidence as one file for others to verify. Ask before whether he may have it."""
        async with self.pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            case = await cases.get(connection, case_id)
            links = await store.links(connection, case_id)
            issued = await cases.prints(connection, case_id)
            manifest = {
                "case": case["number"], "item": case["item_id"], "state": case["state"], "packed_at": utc_text(self._clock.now()),
                "links": [bundle.link_out(link) for link in links],
                "documents": [_document_out(row) for row in issued],
                "history": [_line_out(row) for row in await cases.history(connection, case_id)],
                "root": await self._way(connection, case),
            }  # fmt: skip
            files = {bundle.print_name(row["place"]): row["pdf"] for row in issued}
            for place in (link.record["place"] for link in links if link.record["type"] == "evidence"):
                files[bundle.file_name(place)] = await self.content(connection, case_id, place)
        async with self.pool.acquire() as connection, connection.transaction():
            await audit.record(
                connection, at=self._clock.now(), actor=who.subject, action="evidence export", subject=f"case {case['number']}"
            )  # fmt: skip
        return case["number"], await asyncio.to_thread(bundle.pack, self.signer, manifest, files)

    async def content(self, connection: asyncpg.Connection, case_id: str, place: int) -> bytes:
        """Return what was collected, byte by byte."""
        record, content = await store.content(connection, case_id, place)
        return content if content is not None else await asyncio.to_thread(self.shelf.path(record["sha256"]).read_bytes)

    async def _way(self, connection: asyncpg.Connection, case: asyncpg.Record) -> dict[str, Any] | None:
        """Return the newest root that the case is in, and the way to it."""
        for row in await store.roots(connection, None, 1):
            heads = await store.heads(connection, _end_of(row["day"]))
            place = next((n for n, head in enumerate(heads) if head["id"] == case["id"]), None)
            if place is None:
                return None
            leaves = [leaf(h["number"], h["place"], h["hash"]) for h in heads]
            published = Link(row["record"], row["hash"], row["signature"])
            return {**bundle.link_out(published), "links": heads[place]["place"], "path": path(leaves, place)}
        return None


async def _recorded(connection: asyncpg.Connection, case: asyncpg.Record, wish: Wish) -> Wish:
    """Return a wish with what the register says of its equipment; Invalid where that does not make it count.

    That it was reviewed the register says, for as long as the entry stands: no officer does.
    """
    if wish.equipment is None:
        return wish
    if wish.origin != MONITORING:
        raise Invalid.about("equipment", "is named of what monitoring equipment recorded: origin monitoring")
    if wish.kind in SAID_BY_PEOPLE:
        raise Invalid.about("kind", "is what people say or write down: no equipment records it")
    said = await recorded_by(connection, wish.equipment, wish.taken_at, case["site_id"])
    return replace(wish, source={**wish.source, **said}, reviewed=False)


def _refuse_second_record(case: asyncpg.Record, wish: Wish) -> None:
    """What was seen at a site its visit's record says, which alone names itself (`record`): as a text, a file or a paper it is
    Conflict."""
    if wish.kind == RECORD and case["site_id"] is not None and "record" not in wish.source:
        raise Conflict("the record of an inspection comes from its visit, and is not written a second time")


def _described(body: bytes, media_type: str) -> dict[str, Any]:
    return {
        "sha256": hashlib.sha256(body).hexdigest(),
        "size_bytes": len(body),
        "media_type": media_type,
        "name": "",
    }


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), COUNTY)


def _document_out(row: asyncpg.Record) -> dict[str, Any]:
    members = ("number", "kind", "place", "content", "sha256", "pdf_sha256")
    return {**{name: row[name] for name in members}, "issued_at": utc_text(row["issued_at"])}


def _line_out(row: asyncpg.Record) -> dict[str, Any]:
    members = ("place", "actor", "actor_name", "role", "command", "previous", "state", "reason", "document")
    return {**{name: row[name] for name in members}, "at": utc_text(row["at"])}


def officers_of(links: list[Link], place: int) -> set[str]:
    """Return which officers stand for a piece of evidence: who collected it, and who confirmed it."""
    confirmed = {link.record["by"] for link in links if link.record.get("confirms") == place}
    return confirmed | {links[place - 1].record["by"]}


def _said_to_be_reviewed(link: Link) -> bool:
    """Say whether an officer said that its equipment was reviewed; of an entry of the register nobody did, whatever older links
    have noted: where the entry is void its review was, which two officers do not heal."""
    return link.record["reviewed"] and "equipment_id" not in link.record.get("source", {})


def pieces(
    links: list[Link], officers: tuple[str, ...], registered: Collection[int] = frozenset()
) -> tuple[Piece, ...]:
    """Return the evidence of a chain as the law's rules take it; only the case's own officers count.

    `registered`: the places of what equipment recorded while it stood in the register.
    """
    reviewed = reviewing.reviews(links)
    return tuple(
        _piece(link, len(officers_of(links, link.record["place"]) & set(officers)), registered, reviewed)
        for link in links
        if link.record["type"] == "evidence"
    )


def _piece(link: Link, officers: int, registered: Collection[int], reviewed: Mapping[int, Review]) -> Piece:
    record, place = link.record, link.record["place"]
    review, equipment = reviewed.get(place), record.get("source", {}).get("equipment", {})
    return Piece(
        kind=record["kind"], origin=record["origin"], officers=officers, reviewed=_said_to_be_reviewed(link),
        registered=place in registered, place=place, title=record["title"],
        collected_on=county_day(datetime.fromisoformat(record["collected_at"])),
        content=review.holds if review else None,
        equipment="，".join(filter(None, (equipment.get("number"), equipment.get("place")))),
        taken_at=datetime.fromisoformat(record["taken_at"]) if "taken_at" in record else None,
    )  # fmt: skip
