"""Several handovers at once: each is done by itself, and of each it is said what became of it."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from youguan.database import AWAY, GAVE_WAY
from youguan.errors import Unavailable, YouguanError

MOST = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of those selected, by its id; `error`: why nothing was done, `made`: the id of what it has made."""

    id: str
    error: YouguanError | None = None
    made: str | None = None


async def each(ids: Iterable[str], do: Callable[[str], Awaitable[str | None]]) -> list[Outcome]:
    """Do the same with each of those selected, in a transaction of its own: one that is refused stops no other.

    Where the database goes away meanwhile the rest is not tried, and what is done already is told with it.
    """
    done: list[Outcome] = []
    away = False
    for one in list(dict.fromkeys(ids))[:MOST]:
        if away:
            done.append(Outcome(one, Unavailable("not tried: the database is away for the moment; try again")))
            continue
        try:
            done.append(Outcome(one, made=await do(one)))
        except YouguanError as error:
            done.append(Outcome(one, error))
        except GAVE_WAY:
            done.append(Outcome(one, Unavailable("somebody else changes the same just now; try again")))
        except AWAY:
            away = True
            done.append(Outcome(one, Unavailable("the database went away: look whether this was done, and try again")))
    return done
