"""The draw of files and of who reviews them, by a seed: whoever has seed and list draws the same. Pure."""

import hashlib
from collections.abc import Collection, Sequence

REVIEWERS_A_FILE = 2


def rank(seed: str, *names: str) -> str:
    """Return by what somebody or something is drawn: the SHA-256 of the seed and the names, a line each."""
    return hashlib.sha256("\n".join((seed, *names)).encode()).hexdigest()


def files(seed: str, numbers: Collection[str], count: int) -> list[str]:
    """Return so many of the cases' numbers: those whose rank is least, in its order."""
    return sorted(set(numbers), key=lambda number: rank(seed, number))[:count]


def reviewers(seed: str, number: str, people: Collection[str], part: Collection[str]) -> list[str]:
    """Return the two who review a file, of those who had no part in it; fewer where there are not two."""
    free = set(people) - set(part)
    return sorted(free, key=lambda subject: rank(seed, number, subject))[:REVIEWERS_A_FILE]


def third(
    seed: str, number: str, among: Sequence[Collection[str]], part: Collection[str]
) -> tuple[str | None, list[str]]:
    """Return who scores a file as the third, and from whom he was drawn: the first of the lists `among` in which somebody is left.

    `part`: who had part in the file, or has scored it. None: nobody is left.
    """
    for people in among:
        if free := sorted(set(people) - set(part)):
            return min(free, key=lambda subject: rank(seed, number, subject)), free
    return None, []


def fingerprint(numbers: Sequence[str]) -> str:
    """Return the SHA-256 of the list that was drawn from, a number a line, sorted."""
    return hashlib.sha256("\n".join(sorted(numbers)).encode()).hexdigest()
