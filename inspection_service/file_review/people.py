"""Who may be asked to review files, asked of the registry over HTTP on behalf of whoever orders a review."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from inspection_service.asking import Neighbour, NotTold
from youguan.auth import OFFICIALS
from youguan.errors import Invalid, Reason, Unavailable

WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Person:
    """An official with an account that is active; `level` of a legal reviewer."""

    subject: str
    name: str
    roles: tuple[str, ...]
    level: int | None


class RegistryPeople:
    """Asks the registry with the reader's own token."""

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        self._registry = Neighbour(base_url, headers, WITHIN_S)

    async def officials(self) -> list[Person]:
        """Return everybody who may review files, legal reviewers first; Unavailable where the registry does not tell it now."""
        try:
            rows = await self._registry.items("/api/registry/persons")
        except NotTold as error:
            raise Unavailable("the registry cannot be asked now who may review") from error
        found = [_person(row) for row in rows if row["active"] and _official(row["roles"])]
        return sorted(found, key=lambda person: (-(person.level or 0), person.name, person.subject))


def _official(roles: Collection[str]) -> bool:
    return not set(OFFICIALS).isdisjoint(roles)


def _person(row: Mapping[str, object]) -> Person:
    level = row["level"]
    roles = row["roles"] if isinstance(row["roles"], list) else []
    return Person(
        str(row["username"]), str(row["name"]), tuple(map(str, roles)), level if isinstance(level, int) else None
    )


def check_chosen(chosen: Sequence[str], known: Collection[Person]) -> None:
    """Refuse whom the registry does not know as an official who is active; Invalid names him."""
    subjects = {person.subject for person in known}
    if strange := [subject for subject in chosen if subject not in subjects]:
        raise Invalid.about("people", Reason("{subject} is no official with an active account", subject=strange[0]))
