"""Whether what was said of a time before the latest is past, or the clock of whoever says it has fallen back. Pure.

A station that was cut off tells what it held back, and that must not overrule what it said first. But a clock that falls
back by eight hours makes everything late that is said until it has caught up, and a fault among it is a fault now.

What tells the two apart: what was held back comes right behind what was said first, one message after the other as fast as
they are answered, each behind by another span. A clock that fell back is behind by the same span, whenever it speaks. So
what is late is believed of now when nothing was said for a while, neither timely nor late, or when something else was as
late as this one before. A queue that is slower than this is taken for a wrong clock: an old fault may be told as a new one
until the station says how it is, which is better than a fault of which nobody hears.
"""

from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

# What is held back for longer than this behind the latest word is no queue: it is told as fast as it is answered.
QUEUE_LASTS = timedelta(minutes=10)
# Two of a queue follow each other faster, so that they may be late alike.
APART = timedelta(seconds=10)
# A message is under way for a while, and clocks count seconds.
ALIKE = timedelta(seconds=60)


class Moment(NamedTuple):
    """When something was so, as far as its clock can be believed, and when it was received."""

    so_at: datetime
    received_at: datetime


class Late(NamedTuple):
    """How far behind the last late word was, when it came, and whether the clock is known to have fallen back."""

    behind: timedelta
    received_at: datetime
    fallen: bool


class Word(Enum):
    """What becomes of something that was said."""

    TIMELY = "timely"  # it is what is now, since the time that it says
    PAST = "past"  # something newer is known
    FALLEN = "fallen"  # it is what is now, since its receipt: its clock has fallen back


def judge(said: Moment, latest: Moment | None, late: Late | None) -> tuple[Word, Late | None]:
    """Return what becomes of something said, and what to remember for the next."""
    if latest is None:
        return Word.TIMELY, None
    if said.received_at < latest.received_at:  # from a spool: it is not its clock that is late
        return (Word.TIMELY, None) if said.so_at >= latest.so_at else (Word.PAST, late)
    behind = said.received_at - said.so_at
    alike = late is not None and abs(behind - late.behind) <= ALIKE
    if late is not None and late.fallen and alike:
        return Word.FALLEN, Late(behind, said.received_at, True)
    if said.so_at >= latest.so_at:
        return Word.TIMELY, None
    last = max(latest.received_at, late.received_at) if late is not None else latest.received_at
    quiet = said.received_at - last >= QUEUE_LASTS
    again = late is not None and alike and said.received_at - late.received_at >= APART
    fallen = quiet or again
    return (Word.FALLEN if fallen else Word.PAST), Late(behind, said.received_at, fallen)
