"""What may stand in the register, and what of an entry's recordings counts (Penalty Law Art. 41). Pure."""

from dataclasses import dataclass, replace
from datetime import date

from youguan.errors import FieldError

CAMERA, METER, SENSOR = "camera", "meter", "sensor"
KINDS = (CAMERA, METER, SENSOR)
NEEDED = ("number", "place", "legal_review", "technical_review", "published_in")


@dataclass(frozen=True, slots=True)
class Equipment:
    """Equipment as it is entered: `legal_review` and `technical_review` name the papers, `published_in` where its place was
    made known.

    `number` is marked on it; `site_id` None: what it sees is no site's.
    """

    number: str
    kind: str
    place: str
    site_id: str | None
    legal_review: str
    technical_review: str
    published_in: str
    published_on: date
    valid_from: date
    valid_until: date


def trimmed(wish: Equipment) -> Equipment:
    """Return an entry without blanks around its words: the same equipment is the same number."""
    words = {name: getattr(wish, name).strip() for name in NEEDED}
    return replace(wish, **words, site_id=(wish.site_id or "").strip() or None)


def faults(wish: Equipment, today: date) -> list[FieldError]:
    """Return what is wrong with an entry: the place is known to the public before anything counts, and not for ever."""
    found = [FieldError(name, "must not be empty") for name in NEEDED if not getattr(wish, name)]
    if wish.published_on > today:
        found.append(FieldError("published_on", "lies in the future"))
    if wish.valid_from < wish.published_on:
        found.append(FieldError("valid_from", "lies before the day on which its place was published (Art. 41)"))
    if wish.valid_until < wish.valid_from:
        found.append(FieldError("valid_until", "lies before valid_from"))
    return found


def counts_on(day: date, valid_from: date, valid_until: date, ended_on: date | None) -> bool:
    """Say whether equipment stood in the register on a day; on the day of its end it does no longer."""
    return valid_from <= day <= valid_until and (ended_on is None or day < ended_on)
