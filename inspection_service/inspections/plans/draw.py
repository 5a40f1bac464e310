"""Random draws (双随机): sites and officers drawn by a recorded seed, so that anybody can draw again and must find the same. Pure.

What is in the pool is frozen before the seed is made. Everything is ranked by SHA-256 of the seed and its own id; the first so many
sites are drawn. To each go two officers, those with the fewest sites so far first, whom no declared interest binds to the site.
Who cannot go is replaced by the next of that order at the site.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from youguan.errors import Reason

OFFICERS_A_SITE = 2


class ImpossibleDraw(ValueError):
    """The pool does not give what is to be drawn; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Among whom is drawn: ids of sites, officers by their certificates, and pairs (officer, site) that an interest keeps apart."""

    sites: tuple[str, ...]
    officers: tuple[str, ...]
    conflicts: tuple[tuple[str, str], ...]
    count: int

    @classmethod
    def of(
        cls, sites: Sequence[str], officers: Sequence[str], conflicts: Sequence[tuple[str, str]], count: int
    ) -> "Pool":
        """Return a pool in the order in which it is published."""
        return cls(tuple(sorted(set(sites))), tuple(sorted(set(officers))), tuple(sorted(set(conflicts))), count)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A site that was drawn, and who goes there."""

    site: str
    officers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replaced:
    """Who could not go to a drawn site, and who came for him; `passed_over`: who would have come before him, but could not.

    `passed_over` None: chosen by hand, before replacements were held to the draw.
    """

    site: str
    leaves: str
    comes: str
    passed_over: tuple[str, ...] | None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Replaced":
        """Return a replacement as it is published."""
        passed_over = entry["passed_over"]
        return cls(entry["site"], entry["leaves"], entry["comes"], None if passed_over is None else tuple(passed_over))


def digest(pool: Pool) -> str:
    """Return what a pool is known by, before there is a seed: the SHA-256 of its canonical JSON."""
    return hashlib.sha256(orjson.dumps(asdict(pool), option=orjson.OPT_SORT_KEYS)).hexdigest()


def rank(seed: str, *parts: str) -> bytes:
    """Return where something stands in a draw: the smaller, the earlier."""
    return hashlib.sha256("\n".join((seed, *parts)).encode()).digest()


def draw(pool: Pool, seed: str) -> list[Drawn]:
    """Return who is drawn, in the order of the draw; ImpossibleDraw."""
    return [Drawn(site, tuple(free[:OFFICERS_A_SITE])) for site, free in _turns(pool, seed)]


def order_at(pool: Pool, seed: str, site: str) -> tuple[str, ...]:
    """Return everybody whom no interest binds to a drawn site, as the draw ranked them at its turn: the first two were drawn."""
    return next((tuple(free) for drawn, free in _turns(pool, seed) if drawn == site), ())


def next_in_order(
    order: Sequence[str], ever: Collection[str], unable: Collection[str]
) -> tuple[str | None, tuple[str, ...]]:
    """Return who comes when somebody cannot go, and who was passed over; `ever`: whoever was to go before. None: nobody is left."""
    left = [officer for officer in order if officer not in ever]
    comes = next((officer for officer in left if officer not in unable), None)
    return comes, tuple(left if comes is None else left[: left.index(comes)])


def _turns(pool: Pool, seed: str) -> Iterator[tuple[str, list[str]]]:
    """Go through the drawn sites in their order, each with its officers in theirs; ImpossibleDraw."""
    if not 0 < pool.count <= len(pool.sites):
        raise ImpossibleDraw(
            Reason("{count} of {sites} sites cannot be drawn", count=pool.count, sites=len(pool.sites))
        )
    bound = set(pool.conflicts)
    loads = dict.fromkeys(pool.officers, 0)
    for site in sorted(pool.sites, key=lambda site: rank(seed, "site", site))[: pool.count]:
        free = [officer for officer in pool.officers if (officer, site) not in bound]
        free.sort(key=lambda officer: (loads[officer], rank(seed, "officer", site, officer)))
        if len(free) < OFFICERS_A_SITE:
            raise ImpossibleDraw(Reason("fewer than two officers without an interest for {site}", site=site))
        yield site, free
        for officer in free[:OFFICERS_A_SITE]:
            loads[officer] += 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What drawing again has shown: `broken` is not as it must be; `by_hand` nobody can draw again, nor is it wrong: replacements
    that were chosen, with a reason on record, before the seed named who comes."""

    broken: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()


def verify(record: Mapping[str, Any]) -> Verdict:
    """Draw a published draw again: {"pool", "pool_sha256", "seed", "drawn", "replacements"?}."""
    try:
        given = record["pool"]
        pool = Pool(
            tuple(given["sites"]),
            tuple(given["officers"]),
            tuple((a, b) for a, b in given["conflicts"]),
            given["count"],
        )
        said = [Drawn(entry["site"], tuple(entry["officers"])) for entry in record["drawn"]]
        replaced = [Replaced.of(entry) for entry in record.get("replacements") or ()]
        seed, known_by = record["seed"], record["pool_sha256"]
    except (KeyError, TypeError, ValueError) as error:
        return Verdict((f"not a published draw: {error!r}",))
    if not isinstance(seed, str):
        return Verdict(("not a published draw: the seed is no text",))
    wrong = [] if digest(pool) == known_by else ["the pool is not the one that was published before the draw"]
    try:
        again = draw(pool, seed)
    except (ImpossibleDraw, TypeError) as error:
        return Verdict((*wrong, str(error)))
    wrong += [
        f"place {n}: drawn is {right}, said is {was}"
        for n, (right, was) in enumerate(zip(again, said, strict=False), 1)
        if right != was
    ]
    if len(again) != len(said):
        wrong.append(f"{len(again)} are drawn, {len(said)} are said")
    followed = _follow(pool, seed, again, replaced)
    return Verdict((*wrong, *followed.broken), followed.by_hand)


def _follow(pool: Pool, seed: str, drawn: Sequence[Drawn], replaced: Sequence[Replaced]) -> Verdict:
    """Go through the replacements in their order: those that the seed does not name are broken, or were chosen by hand."""
    going = {each.site: set(each.officers) for each in drawn}
    ever = {each.site: set(each.officers) for each in drawn}
    broken, by_hand = [], []
    for each in replaced:
        if each.leaves not in going.get(each.site, ()) or each.comes in going[each.site]:
            broken.append(f"{each.site}: for {each.leaves} comes {each.comes}: one was not to go there, or both were")
            continue
        named, passed_over = next_in_order(order_at(pool, seed, each.site), ever[each.site], each.passed_over or ())
        if each.passed_over is None:
            by_hand.append(f"{each.site}: for {each.leaves} comes {each.comes}")
        elif (each.comes, each.passed_over) != (named, passed_over):
            broken.append(f"{each.site}: for {each.leaves} comes {each.comes}, the seed names {named}")
        going[each.site] = going[each.site] - {each.leaves} | {each.comes}
        ever[each.site].add(each.comes)
    return Verdict(tuple(broken), tuple(by_hand))
