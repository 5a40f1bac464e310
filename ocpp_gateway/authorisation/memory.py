"""Every id token and the transactions that they are in, in the memory of a worker: an answer waits for no query.

Loaded when the worker starts, then brought up to date by events; so it answers while the database is away
(docs/adr/0006-authorise-from-memory.md).
"""

import asyncio
import logging
from collections import OrderedDict
from datetime import datetime, timedelta

import asyncpg

from ocpp_gateway.authorisation import store
from ocpp_gateway.authorisation.rules import (
    COUNTED_FOR,
    Decision,
    IdToken,
    OpenTransaction,
    Presented,
    compared,
    counts,
    decide,
)
from youguan.clock import Clock
from youguan.database import patiently
from youguan.eventlog import follow
from youguan.events import (
    Event,
    IdTokenEntry,
    IdTokensChanged,
    TransactionAuthorised,
    TransactionEnded,
    TransactionStarted,
)

log = logging.getLogger(__name__)

TYPES = (IdTokensChanged, TransactionStarted, TransactionAuthorised, TransactionEnded)
# A start may be told after its end, of an offline transaction for instance: so many ends are remembered.
REMEMBERED_ENDS = 10_000
FORGET_EVERY = timedelta(hours=1)  # what has no end and counts no more

Known = tuple[str, str]
"""(station id, transaction id)."""


class Memory:
    """Answers whether an id token may charge."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens: dict[str, IdToken] = {}
        self._open: dict[str, dict[Known, OpenTransaction]] = {}  # by token
        self._whose: dict[Known, tuple[str, datetime]] = {}  # token, since when
        self._forgot_at = clock.now()
        self._ended: OrderedDict[Known, None] = OrderedDict()

    @property
    def under_way(self) -> int:
        """Return how many transactions are remembered that have not ended."""
        return len(self._whose)

    def authorise(self, presented: Presented) -> Decision:
        """Return what to answer now."""
        key = compared(presented.id_token)
        under_way = self._open.get(key, {}).values()
        return decide(presented, self._tokens.get(key), under_way, self._clock.now())

    async def keep(self, pool: asyncpg.Pool, loaded: asyncio.Event) -> None:
        """Load what there is, say so, then follow the events from that very point."""
        tokens, under_way, positions = await patiently(pool, store.load_memory)
        for token in tokens:
            self._put(token)
        for id_token, transaction, standing in under_way:
            self._begin(id_token, transaction, standing)
        loaded.set()
        log.info("id tokens: %d, transactions under way: %d", len(tokens), len(under_way))
        async for batch in follow(pool, TYPES, positions):
            for stored in batch:
                self.apply(stored.event)

    def apply(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case IdTokensChanged():
                for entry in event.entries:
                    self._put(_token(entry))
                for id_token in event.removed:
                    self._tokens.pop(compared(id_token), None)
            case TransactionStarted() | TransactionAuthorised() if event.id_token is not None:
                self._begin(
                    event.id_token,
                    OpenTransaction(event.station_id, event.connector, event.transaction_id, event.effective_at),
                    event.standing,
                )
            case TransactionEnded():
                self._end((event.station_id, event.transaction_id))
        self._forget_old()

    def _put(self, token: IdToken) -> None:
        self._tokens[compared(token.id_token)] = token

    def _begin(self, id_token: str, transaction: OpenTransaction, standing: str | None) -> None:
        """The first token is whose transaction it is; one that was refused keeps no token until it is accepted after all."""
        known = (transaction.station_id, transaction.transaction_id)
        key = compared(id_token)
        if known in self._ended or self._whose.setdefault(known, (key, transaction.since))[0] != key:
            return
        if counts(standing):
            self._open.setdefault(key, {}).setdefault(known, transaction)
        else:
            self._forget(key, known)

    def _end(self, known: Known) -> None:
        self._ended[known] = None
        if len(self._ended) > REMEMBERED_ENDS:
            self._ended.popitem(last=False)
        whose = self._whose.pop(known, None)
        if whose is not None:
            self._forget(whose[0], known)

    def _forget_old(self) -> None:
        """Forget transactions that count no more: of many the end never comes."""
        now = self._clock.now()
        if now - self._forgot_at < FORGET_EVERY:
            return
        self._forgot_at = now
        old = [(key, known) for known, (key, since) in self._whose.items() if now - since > COUNTED_FOR]
        for key, known in old:
            del self._whose[known]
            self._forget(key, known)

    def _forget(self, key: str, known: Known) -> None:
        of_token = self._open.get(key, {})
        of_token.pop(known, None)
        if not of_token:
            self._open.pop(key, None)


def _token(entry: IdTokenEntry) -> IdToken:
    return IdToken(
        entry.id_token,
        entry.id_token_type,
        entry.group_id,
        entry.master_pass,
        entry.status == "blocked",
        entry.expires_at,
        entry.concurrent,
    )
