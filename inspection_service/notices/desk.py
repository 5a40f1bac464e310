"""Where people say at which addresses they want to be told, and where what they are told is made and sent."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx

from inspection_service.cases import store as cases
from inspection_service.cases.machine import State
from inspection_service.cases.waiting import reviewer_level
from inspection_service.cases.words import COMMANDS, PERIODS
from inspection_service.notices import store
from inspection_service.notices.channels import Message, Post, Undelivered, http_client, shown
from inspection_service.notices.registry_wording import (
    COUNTER,
    of_ended,
    of_filing,
    of_lapse_due,
    of_overdue,
    of_paper,
    of_promise,
    of_proposed,
    of_urged,
)
from inspection_service.notices.wording import (
    CENTRE,
    Told,
    of_alert,
    of_case,
    of_new_task,
    of_period,
    of_review,
    of_task,
    organisation,
    person,
    team,
)
from inspection_service.tasks.rules import SEVERITIES
from inspection_service.tasks.words import CAUSES
from youguan import audit
from youguan.auth import INSPECTOR, OFFICIALS, OPERATOR, REGULATOR, Principal
from youguan.clock import Clock
from youguan.errors import Conflict, Forbidden, Invalid, Reason
from youguan.eventlog import Consumer, StoredEvent
from youguan.events import (
    AlertRaised,
    AlertWorsened,
    CaseMoved,
    CaseUrged,
    FilingLapseDue,
    FilingMoved,
    FilingOverdue,
    FilingPaperMoved,
    FilingPromiseOverdue,
    HandoverEnded,
    HandoverProposed,
    HandoverUrged,
    PersonChanged,
    TaskOpened,
    TaskUrged,
)
from youguan.web.translations import english

FilingNews = FilingMoved | FilingOverdue | FilingPaperMoved | FilingPromiseOverdue | FilingLapseDue
RegistryNews = HandoverProposed | HandoverUrged | HandoverEnded | FilingNews
TYPES = (
    AlertRaised, AlertWorsened,
    CaseMoved, CaseUrged, FilingLapseDue, FilingMoved, FilingOverdue, FilingPaperMoved, FilingPromiseOverdue, HandoverEnded,
    HandoverProposed, HandoverUrged, PersonChanged, TaskOpened, TaskUrged,
)  # fmt: skip
# After each try that failed; then as after the last, until it is given up.
AGAIN_AFTER_S = (30, 120, 600, 1800, 3600)
GIVEN_UP_AFTER = timedelta(days=3)
KEPT, FORGOTTEN_EVERY = timedelta(days=90), timedelta(hours=1)
# So many alerts an address is told within so long, and as many critical ones, which no flood of others keeps away; the last of
# either says that there are more.
MOST_ALERTS, ALERTS_WITHIN = 20, timedelta(minutes=10)
AT_ONCE, PAUSE_S = 20, 1.0
TRIAL = "有管：这是一条试发消息\nYouguan: this is a trial message"


class NoticeDesk:
    """Keeps addresses, and tells what happens at them. `base_url`: what a link in a notice begins with."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, post: Post, base_url: str) -> None:
        self.pool = pool
        self.clock = clock
        self.post = post
        self._base_url = base_url
        self._forgot_at: datetime | None = None

    # --- addresses ---

    async def recipients(self, connection: asyncpg.Connection, who: Principal) -> dict[str, str]:
        """Return for whom somebody may set addresses, and what each is called."""
        found: dict[str, str] = {}
        if who.has(*OFFICIALS):
            found[person(who.subject)] = who.name
        if who.has(OPERATOR) and who.organisation_id is not None:
            found[organisation(who.organisation_id)] = ""
        teams = await store.team_names(connection)
        if who.has(REGULATOR) and who.scope.everything:
            found |= {team(team_id): name for team_id, name in teams.items()} | {CENTRE: "", COUNTER: ""}
        elif who.has(INSPECTOR) and who.team_id is not None:
            found[team(who.team_id)] = teams.get(who.team_id, who.team_id)
        return found

    async def addresses(self, who: Principal) -> list[asyncpg.Record]:
        """Return the addresses that somebody may set."""
        async with self.pool.acquire() as connection:
            return await store.addresses(connection, await self.recipients(connection, who))

    async def add(self, who: Principal, recipient: str, kind: str, address: str, alerts_from: str | None = None) -> str:
        """Let a recipient be told at an address from now on; return its id. Forbidden, Invalid, Conflict.

        `alerts_from`: from which severity on alerts are told there as well.
        """
        address = address.strip()
        async with self.pool.acquire() as connection, connection.transaction():
            await self._hold_own(connection, who, recipient)
            self.post.check(kind, address)
            _check_hears(who, recipient, alerts_from)
            address_id, now = str(uuid.uuid4()), self.clock.now()
            if not await store.add_address(
                connection, (address_id, recipient, kind, address, now, who.subject, alerts_from)
            ):
                raise Conflict("this address is there already")
            said = {
                "recipient": recipient,
                "kind": kind,
                "address": shown(kind, address),
                "alerts_from": alerts_from,
            }
            await audit.record(
                connection, at=now, actor=who.subject, action="notice-address add", subject=recipient, after=said
            )
        return address_id

    async def end(self, who: Principal, address_id: str) -> None:
        """Tell nothing at an address any more; Forbidden, NotFound."""
        async with self.pool.acquire() as connection, connection.transaction():
            row = await store.get_address(connection, address_id)
            await self._hold_own(connection, who, row["recipient"])
            now = self.clock.now()
            await store.end_address(connection, address_id, now)
            await audit.record(
                connection, at=now, actor=who.subject, action="notice-address end", subject=row["recipient"],
                before={"kind": row["kind"], "address": shown(row["kind"], row["address"])},
            )  # fmt: skip

    async def try_out(self, who: Principal, address_id: str) -> None:
        """Send a trial to an address, the way everything goes; Forbidden, NotFound."""
        async with self.pool.acquire() as connection, connection.transaction():
            row = await store.get_address(connection, address_id)
            await self._hold_own(connection, who, row["recipient"])
            told = Told((row["recipient"],), TRIAL, "/notices")
            await store.add_notices(connection, [address_id], told, {"type": "Trial"}, self.clock.now())

    async def _hold_own(self, connection: asyncpg.Connection, who: Principal, recipient: str) -> None:
        if recipient not in await self.recipients(connection, who):
            raise Forbidden("addresses are set by whoever is told there; a team's also by the county's regulator")

    # --- what is told ---

    def consumer(self) -> Consumer:
        """Return the consumer of what is to be told."""
        return Consumer(self.pool, "inspection.notices", self.handle, types=TYPES)

    async def handle(self, connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
        """Make the notices of a batch of events, in the transaction of the consumer's position: each once."""
        anybody, of_alerts = await store.anybody_told(connection)
        if not anybody:
            return
        for stored in batch:
            match stored.event:
                case AlertRaised() | AlertWorsened() as alert:
                    if of_alerts:
                        await self._of_alert(connection, alert)
                case PersonChanged() as changed:
                    await self._take_in(connection, changed)
                case TaskOpened() as opened:
                    told, of = of_new_task(opened), {"type": "TaskOpened", "task_id": opened.task_id}
                    await store.tell(connection, told, of, opened.at, self.clock.now())
                case TaskUrged() as urged:
                    told, of = of_task(urged), {"type": "TaskUrged", "task_id": urged.task_id, "stage": urged.stage}
                    await store.tell(connection, told, of, urged.at, self.clock.now())
                case CaseMoved() as moved:
                    told = await self._of_case(connection, moved)
                    of = {"type": "CaseMoved", "case_id": moved.case_id, "command": moved.command}
                    await store.tell(connection, told, of, moved.at, self.clock.now())
                    await self._of_review(connection, moved, of)
                case (
                    HandoverProposed()
                    | HandoverUrged()
                    | HandoverEnded()
                    | FilingMoved()
                    | FilingOverdue()
                    | FilingPaperMoved()
                    | FilingPromiseOverdue()
                    | FilingLapseDue() as news
                ):
                    await self._of_registry(connection, news)
                case CaseUrged() as ending:
                    told = await self._of_period(connection, ending)
                    of = {
                        "type": "CaseUrged",
                        "case_id": ending.case_id,
                        "period": ending.period,
                        "stage": ending.stage,
                    }
                    await store.tell(connection, told, of, ending.at, self.clock.now())

    async def _of_alert(self, connection: asyncpg.Connection, alert: AlertRaised | AlertWorsened) -> None:
        """Tell an alert where such alerts are told, and no more of them than somebody can read."""
        now, reach = self.clock.now(), SEVERITIES[: SEVERITIES.index(alert.severity) + 1]
        rows = await store.alert_addresses(connection, reach, alert.site_id, alert.at, now - ALERTS_WITHIN)
        hearing = [row for row in rows if row["told"] < MOST_ALERTS]
        if not hearing:
            return
        site = await store.site_name(connection, alert.site_id)
        called = english().get(CAUSES.get(alert.rule, ""), alert.rule)
        of = {"type": "Alert", "alert_id": alert.alert_id, "rule": alert.rule, "severity": alert.severity}
        for last in (False, True):
            told = of_alert(alert, site, called, last=last)
            ids = [row["id"] for row in hearing if (row["told"] == MOST_ALERTS - 1) == last]
            await store.add_notices(connection, ids, told, of, now)

    async def _take_in(self, connection: asyncpg.Connection, changed: PersonChanged) -> None:
        """Tell nothing any more to who is no official now, and of no alerts to who is no regulator."""
        if not changed.active or set(OFFICIALS).isdisjoint(changed.roles):
            await store.end_all_of(connection, person(changed.username), self.clock.now())
        elif REGULATOR not in changed.roles:
            await store.end_alerts_of(connection, person(changed.username))

    async def _of_review(self, connection: asyncpg.Connection, moved: CaseMoved, of: dict[str, Any]) -> None:
        """Tell reviewers that it is their turn, where a case still waits for it."""
        level = reviewer_level(moved.command, State(moved.previous), State(moved.state))
        if level is not None:
            reviewers = await store.reviewers_of(connection, moved.case_id, moved.state, level)
            await store.tell(connection, of_review(moved, level, reviewers), of, moved.at, self.clock.now())

    async def _of_period(self, connection: asyncpg.Connection, urged: CaseUrged) -> Told:
        officers = await store.officers_of(connection, urged.case_id, "", urged.at)
        knows = await cases.party_knows(connection, urged.case_id)
        return of_period(urged, officers, party_knows=bool(knows), english=english()[PERIODS[urged.period]])

    async def _of_case(self, connection: asyncpg.Connection, moved: CaseMoved) -> Told:
        officers = await store.officers_of(connection, moved.case_id, moved.command, moved.at)
        knows = await cases.party_knows(connection, moved.case_id)
        step = english().get(COMMANDS.get(moved.command, ""), moved.command)
        return of_case(moved, officers, party_knows=bool(knows), english=step)

    async def _of_registry(self, connection: asyncpg.Connection, news: RegistryNews) -> None:
        """Tell what moved at the registry, whose pages it leads to."""
        site = await store.site_name(connection, news.site_id)
        of: dict[str, Any] = {"type": type(news).__name__, "site_id": news.site_id}
        match news:
            case FilingMoved():
                told, of = of_filing(news, site), {**of, "filing_id": news.filing_id, "state": news.state}
            case FilingOverdue():
                told, of = of_overdue(news, site), {**of, "filing_id": news.filing_id, "state": news.state}
            case FilingPaperMoved():
                told = of_paper(news, site)
                of = {**of, "filing_id": news.filing_id, "document_type": news.document_type, "standing": news.standing}
            case FilingPromiseOverdue():
                told = of_promise(news, site)
                of = {**of, "filing_id": news.filing_id, "document_type": news.document_type}
            case FilingLapseDue():
                told, of = of_lapse_due(news, site), {**of, "filing_id": news.filing_id}
            case HandoverProposed():
                told, of = of_proposed(news, site), {**of, "handover_id": news.handover_id}
            case HandoverUrged():
                told, of = of_urged(news, site), {**of, "handover_id": news.handover_id}
            case HandoverEnded():
                told, of = of_ended(news, site), {**of, "handover_id": news.handover_id, "outcome": news.outcome}
        await store.tell(connection, told, of, news.at, self.clock.now())

    # --- sending ---

    async def run(self) -> None:
        """Send what is due, again and again."""
        async with http_client() as client:
            while True:
                if not await self.send_due(client):
                    await asyncio.sleep(PAUSE_S)

    async def send_due(self, client: httpx.AsyncClient) -> int:
        """Try what is due now, no transaction open meanwhile; return how many were tried."""
        now = self.clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            if self._forgot_at is None or now - self._forgot_at >= FORGOTTEN_EVERY:
                await store.forget(connection, now - KEPT)
                self._forgot_at = now
            due = await store.take_due(connection, now, AGAIN_AFTER_S, AT_ONCE)
        await asyncio.gather(*(self._send(client, notice, now) for notice in due))
        return len(due)

    async def _send(self, client: httpx.AsyncClient, notice: asyncpg.Record, now: datetime) -> None:
        message = Message(notice["id"], notice["words"], f"{self._base_url}{notice['path']}", notice["event"])
        error = None
        try:
            await self.post.send(client, notice["kind"], notice["address"], message)
        except Undelivered as undelivered:
            error = str(undelivered)[:500]
        async with self.pool.acquire() as connection:
            if error is None:
                await store.note_taken(connection, notice["id"], self.clock.now())
            else:
                given_up = notice["made_at"] + GIVEN_UP_AFTER <= now
                await store.note_refused(connection, notice["id"], error, given_up=given_up)


def _check_hears(who: Principal, recipient: str, alerts_from: str | None) -> None:
    """Refuse alerts for whom they are not: they go to regulators, teams and the centre; Invalid."""
    if alerts_from is None:
        return
    if alerts_from not in SEVERITIES:
        raise Invalid.about("alerts_from", Reason("must be one of {known}", known=", ".join(SEVERITIES)))
    own = who.has(REGULATOR) and recipient == person(who.subject)
    if not own and recipient != CENTRE and not recipient.startswith(team("")):
        raise Invalid.about("alerts_from", "alerts are told to a regulator, a team or the centre")
