"""Random draws (双随机): sites and officers drawn by a recorded seed, so that anybody can draw again and must find the same. Pure.

What is in the pool is frozen before the seed is made. Everything is ranked by SHA-256 of the seed and its own id; the first so many
sites are drawn. To each go two officers, those with the fewest sites so far first, whom no declared interest binds to the site.
"""

import hashlib
from collections.abc import Mapping, Sequence
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


def digest(pool: Pool) -> str:
    """Return what a pool is known by, before there is a seed: the SHA-256 of its canonical JSON."""
    return hashlib.sha256(orjson.dumps(asdict(pool), option=orjson.OPT_SORT_KEYS)).hexdigest()


def rank(seed: str, *parts: str) -> bytes:
    """Return where something stands in a draw: the smaller, the earlier."""
    return hashlib.sha256("\n".join((seed, *parts)).encode()).digest()


def draw(pool: Pool, seed: str) -> list[Drawn]:
    """Return who is drawn, in the order of the draw; ImpossibleDraw."""
    if not 0 < pool.count <= len(pool.sites):
        raise ImpossibleDraw(
            Reason("{count} of {sites} sites cannot be drawn", count=pool.count, sites=len(pool.sites))
        )
    bound = set(pool.conflicts)
    loads = dict.fromkeys(pool.officers, 0)
    found = []
    for site in sorted(pool.sites, key=lambda site: rank(seed, "site", site))[: pool.count]:
        free = [officer for officer in pool.officers if (officer, site) not in bound]
        free.sort(key=lambda officer: (loads[officer], rank(seed, "officer", site, officer)))
        if len(free) < OFFICERS_A_SITE:
            raise ImpossibleDraw(Reason("fewer than two officers without an interest for {site}", site=site))
        going = tuple(free[:OFFICERS_A_SITE])
        for officer in going:
            loads[officer] += 1
        found.append(Drawn(site, going))
    return found


def faults(record: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a published draw: {"pool", "pool_sha256", "seed", "drawn"}; nothing: it is as it must be."""
    try:
        given = record["pool"]
        pool = Pool(
            tuple(given["sites"]),
            tuple(given["officers"]),
            tuple((a, b) for a, b in given["conflicts"]),
            given["count"],
        )
        said = [Drawn(entry["site"], tuple(entry["officers"])) for entry in record["drawn"]]
        seed, known_by = record["seed"], record["pool_sha256"]
    except (KeyError, TypeError, ValueError) as error:
        return [f"not a published draw: {error!r}"]
    if not isinstance(seed, str):
        return ["not a published draw: the seed is no text"]
    wrong = [] if digest(pool) == known_by else ["the pool is not the one that was published before the draw"]
    try:
        again = draw(pool, seed)
    except (ImpossibleDraw, TypeError) as error:
        return [*wrong, str(error)]
    wrong += [
        f"place {n}: drawn is {right}, said is {was}"
        for n, (right, was) in enumerate(zip(again, said, strict=False), 1)
        if right != was
    ]
    return wrong if len(again) == len(said) else [*wrong, f"{len(again)} are drawn, {len(said)} are said"]
