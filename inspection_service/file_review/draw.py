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


def another(
    seed: str, number: str, among: Sequence[Collection[str]], off: Collection[str]
) -> tuple[str | None, list[str]]:
    """Return who else scores a file, and from whom he was drawn: the first of the lists `among` in which somebody is left.

    `off`: who is kept off the file, scores it or was to. None: nobody is left.
    """
    for people in among:
        if free := sorted(set(people) - set(off)):
            return min(free, key=lambda subject: rank(seed, number, subject)), free
    return None, []


def successors(
    seed: str, number: str, among: Sequence[Collection[str]], off: Collection[str], late: Sequence[str]
) -> list[tuple[str, str, list[str]]]:
    """Return who takes the place of each who is late: (late, successor, from whom he was drawn); nothing where not each has one."""
    taken, found = set(off) | set(late), []
    for reviewer in late:
        successor, drawn_from = another(seed, number, among, taken)
        if successor is None:
            return []
        taken.add(successor)
        found.append((reviewer, successor, drawn_from))
    return found


def fingerprint(numbers: Sequence[str]) -> str:
    """Return the SHA-256 of the list that was drawn from, a number a line, sorted."""
    return hashlib.sha256("\n".join(sorted(numbers)).encode()).hexdigest()
