"""Several handovers at once: each is done by itself, and of each it is said what became of it."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from youguan.errors import YouguanError

MOST = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of those selected, by its id; `error`: why nothing was done, `made`: the id of what it has made."""

    id: str
    error: YouguanError | None = None
    made: str | None = None


async def each(ids: Iterable[str], do: Callable[[str], Awaitable[str | None]]) -> list[Outcome]:
    """Do the same with each of those selected, in a transaction of its own: one that is refused stops no other."""
    return [await _outcome(do, one) for one in list(dict.fromkeys(ids))[:MOST]]


async def _outcome(do: Callable[[str], Awaitable[str | None]], one: str) -> Outcome:
    try:
        return Outcome(one, made=await do(one))
    except YouguanError as error:
        return Outcome(one, error)
