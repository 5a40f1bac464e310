"""The chain of a case's evidence, and the tree of all chains. Pure: the same code writes them and verifies them.

A link's hash is of the hash before it and of its record in canonical JSON; the signature (Ed25519) is of that hash. The root of
a day is of the last hashes of all cases, as a Merkle tree, so that a case can show that it was in it without showing others.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Record = Mapping[str, Any]
LEFT, RIGHT = "left", "right"


@dataclass(frozen=True, slots=True)
class Link:
    """A record with its hash and signature, both in hexadecimal."""

    record: Record
    hash: str
    signature: str


class Signer:
    """Signs with the organ's key (PEM, Ed25519)."""

    def __init__(self, private_key: str) -> None:
        key = serialization.load_pem_private_key(private_key.encode(), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("the key that signs evidence must be Ed25519")
        self._key = key

    @property
    def public_key(self) -> str:
        """Return the key that verifies, raw, in hexadecimal."""
        return self._key.public_key().public_bytes_raw().hex()

    def link(self, previous: str, record: Record) -> Link:
        """Return the next link of a chain; `previous` is empty for the first."""
        found = digest(previous, record)
        return Link(record, found, self._key.sign(bytes.fromhex(found)).hex())


def canonical(record: Record) -> bytes:
    """Return the one spelling of a record that is hashed."""
    return orjson.dumps(dict(record), option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)


def digest(previous: str, record: Record) -> str:
    return hashlib.sha256(bytes.fromhex(previous) + canonical(record)).hexdigest()


def broken(links: Sequence[Link], public_key: str) -> int | None:
    """Return the place, from 1, of the first link that does not hold; None: all do."""
    previous = ""
    for place, link in enumerate(links, 1):
        if link.record.get("place") != place or not holds(link, previous, public_key):
            return place
        previous = link.hash
    return None


def holds(link: Link, previous: str, public_key: str) -> bool:
    """Say whether a link follows on another and was signed with the key."""
    if link.hash != digest(previous, link.record):
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(link.signature), bytes.fromhex(link.hash))
    except (InvalidSignature, ValueError):
        return False
    return True


# --- the tree ---------------------------------------------------------------------------------------------------


def leaf(case_number: str, place: int, last_hash: str) -> str:
    """Return the leaf of a case: its number, how many links it has, and the hash of the last. Leaves and nodes never collide."""
    return hashlib.sha256(b"\x00" + canonical({"case": case_number, "links": place, "hash": last_hash})).hexdigest()


def node(left: str, right: str) -> str:
    return hashlib.sha256(b"\x01" + bytes.fromhex(left) + bytes.fromhex(right)).hexdigest()


def levels(leaves: Sequence[str]) -> list[list[str]]:
    """Return the tree from its leaves to its root; what has no neighbour goes up as it is."""
    found = [list(leaves)]
    while len(found[-1]) > 1:
        below = found[-1]
        found.append([node(*below[n : n + 2]) if n + 1 < len(below) else below[n] for n in range(0, len(below), 2)])
    return found


def root(leaves: Sequence[str]) -> str:
    """Return the root; of no leaves at all the hash of nothing."""
    return levels(leaves)[-1][0] if leaves else hashlib.sha256().hexdigest()


def path(leaves: Sequence[str], place: int) -> list[tuple[str, str]]:
    """Return the neighbours on the way from a leaf to the root, each with its side."""
    found = []
    for level in levels(leaves)[:-1]:
        beside = place ^ 1
        if beside < len(level):
            found.append((LEFT if beside < place else RIGHT, level[beside]))
        place //= 2
    return found


def climb(start: str, way: Sequence[tuple[str, str]]) -> str:
    """Return the root to which a leaf leads."""
    for side, beside in way:
        start = node(beside, start) if side == LEFT else node(start, beside)
    return start
