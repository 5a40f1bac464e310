"""Whether an id token may charge: pure, the same for every version of OCPP.

An answer speaks of the token, not of the station: stations keep it in their cache. So an id token of another group that
ends somebody's transaction is not refused here; the station compares groups, which is why every answer carries the group.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

NO_AUTHORIZATION = "NoAuthorization"
# A transaction whose end never came, of a station that was torn out for instance, must not lock its card for ever.
COUNTED_FOR = timedelta(hours=24)


class Purpose(StrEnum):
    """What an id token is presented for."""

    ASK = "ask"
    START = "start"
    GO_ON = "go on"


class Standing(StrEnum):
    """What is the case with an id token."""

    ACCEPTED = "accepted"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    CONCURRENT = "concurrent"
    ENDS_ONLY = "ends only"  # a master pass


def counts(answered: str | None) -> bool:
    """Say whether a transaction that was answered so keeps its id token; None: nobody asked us."""
    return answered is None or answered == Standing.ACCEPTED


@dataclass(frozen=True, slots=True)
class IdToken:
    """An id token as it is registered; `type` None goes for any type."""

    id_token: str
    type: str | None = None
    group_id: str | None = None
    master_pass: bool = False
    blocked: bool = False
    expires_at: datetime | None = None
    concurrent: bool = False


@dataclass(frozen=True, slots=True)
class Presented:
    """An id token as a station presents it; OCPP 1.6 knows no type and, at a start, no transaction yet."""

    id_token: str
    type: str | None
    purpose: Purpose
    station_id: str
    connector: int | None = None
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A transaction that has not ended."""

    station_id: str
    connector: int
    transaction_id: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer: the token's standing, until when it holds, and its group."""

    standing: Standing
    expires_at: datetime | None = None
    group_id: str | None = None


def compared(id_token: str) -> str:
    """Return an id token as it is compared: OCPP's identifiers do not tell capitals from small letters."""
    return id_token.casefold()


def decide(
    presented: Presented, token: IdToken | None, open_transactions: Collection[OpenTransaction], now: datetime
) -> Decision:
    """Return what to answer, given the token that is registered and the transactions that it has begun."""
    if presented.type == NO_AUTHORIZATION:
        return Decision(Standing.ACCEPTED)
    if token is None or (token.type and presented.type and token.type != presented.type):
        return Decision(Standing.UNKNOWN)
    return Decision(_standing(presented, token, open_transactions, now), token.expires_at, token.group_id)


def _standing(
    presented: Presented, token: IdToken, open_transactions: Collection[OpenTransaction], now: datetime
) -> Standing:
    if token.blocked:
        return Standing.BLOCKED
    if token.expires_at is not None and token.expires_at <= now:
        return Standing.EXPIRED
    if presented.purpose is not Purpose.START:
        return Standing.ACCEPTED
    if token.master_pass:
        return Standing.ENDS_ONLY
    if not token.concurrent and any(_is_elsewhere(t, presented, now) for t in open_transactions):
        return Standing.CONCURRENT
    return Standing.ACCEPTED


def _is_elsewhere(transaction: OpenTransaction, presented: Presented, now: datetime) -> bool:
    """A start told again, and the next one at the same connector, are not elsewhere."""
    if now - transaction.since > COUNTED_FOR:
        return False
    if transaction.station_id != presented.station_id:
        return True
    return transaction.transaction_id != presented.transaction_id and transaction.connector != presented.connector
