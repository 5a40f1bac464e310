"""Who may be asked to review files, asked of the registry over HTTP on behalf of whoever orders a review."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import httpx

from youguan.auth import OFFICIALS
from youguan.errors import Invalid, Reason, Unavailable

WITHIN_S = 5.0
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Person:
    """An official with an account that is active; `level` of a legal reviewer."""

    subject: str
    name: str
    roles: tuple[str, ...]
    level: int | None


class RegistryPeople:
    """Asks the registry's API with the reader's own token, so that his bounds hold."""

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        self._base_url = base_url
        self._headers = dict(headers)

    async def officials(self) -> list[Person]:
        """Return everybody who may review files, legal reviewers first; Unavailable where the registry cannot be asked now."""
        found: list[Person] = []
        query: dict[str, str | int] = {"limit": PAGE}
        try:
            async with httpx.AsyncClient(base_url=self._base_url, timeout=WITHIN_S, trust_env=False) as client:
                while True:
                    answer = await client.get("/api/registry/persons", params=query, headers=self._headers)
                    page = answer.raise_for_status().json()
                    found += [_person(row) for row in page["items"] if row["active"] and _official(row["roles"])]
                    if page["next"] is None:
                        return sorted(found, key=lambda person: (-(person.level or 0), person.name, person.subject))
                    query["cursor"] = page["next"]
        except (httpx.HTTPError, KeyError, ValueError) as error:
            raise Unavailable("the registry cannot be asked now who may review") from error


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
