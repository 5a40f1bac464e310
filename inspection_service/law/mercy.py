"""When something goes unpunished, and when guidance comes first: rules with their reasons. Pure."""

from dataclasses import dataclass
from datetime import date, timedelta

from inspection_service.law.catalogue import Item
from inspection_service.law.statutes import Article, statutes

HARM = ("none", "slight", "serious")
EARLIER_COUNTS_DAYS = 730
GRACE_DAYS = 180  # how long a new form of business is guided before it is given notices (包容期)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known: violations of this item by this party before, the harm, by when it was to be mended and when it was."""

    earlier: tuple[date, ...]
    act_on: date
    harm: str
    minor: bool
    due_on: date
    mended_on: date | None
    faultless: bool = False


@dataclass(frozen=True, slots=True)
class Mercy:
    """Not punished: whether the law leaves a choice (`may`) or not, by which article, and why."""

    obliges: bool
    article: Article
    because: tuple[str, ...]


def mercy(item: Item, known: Circumstances) -> Mercy | None:
    """Return why an act goes unpunished (Art. 33), or None. Education goes with it."""
    article = statutes().article({"law": "penalty", "article": "33"})
    in_time = known.mended_on is not None and known.mended_on <= known.due_on
    if known.faultless:
        return Mercy(True, article, ("faultless",))
    if known.minor and in_time and known.harm == "none":
        return Mercy(True, article, ("minor", "mended_in_time", "no_harm"))
    if item.first_violation == "may" and is_first(known) and in_time and known.harm in ("none", "slight"):
        return Mercy(False, article, ("first", "mended_in_time", f"{known.harm}_harm"))
    return None


def is_first(known: Circumstances) -> bool:
    """Say whether there was no violation of the item within the two years before."""
    return not any(0 < (known.act_on - day).days <= EARLIER_COUNTS_DAYS for day in known.earlier)


def guidance_first(item: Item, *, in_business_since: date, on: date, until: date | None = None) -> bool:
    """Say whether a party is guided rather than given a notice: within the first months, and never where there is danger.

    `until`: when a grace period that the registry has given ends, that day without; else it is as long as usual.
    """
    last = until - timedelta(days=1) if until else in_business_since + timedelta(days=GRACE_DAYS)
    return item.danger == "none" and in_business_since <= on <= last
