"""Several handovers at once in the browser: each is done by itself, and of each it is said what became of it."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from youguan.errors import YouguanError

MOST = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of those selected, by its id; `error`: why nothing was done with it."""

    id: str
    error: YouguanError | None


async def each(ids: Iterable[str], do: Callable[[str], Awaitable[object]]) -> list[Outcome]:
    """Do the same with each of those selected, in a transaction of its own: one that is refused stops no other."""
    return [Outcome(one, await _refused(do, one)) for one in list(dict.fromkeys(ids))[:MOST]]


async def _refused(do: Callable[[str], Awaitable[object]], one: str) -> YouguanError | None:
    try:
        await do(one)
    except YouguanError as error:
        return error
    return None
