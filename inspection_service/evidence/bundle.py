"""A case's evidence as one file, to be verified anywhere: a ZIP that has exactly one spelling, so that any byte counts.

`bundle.json` holds the chain, the documents, the history and the day's root with the way to it; `bundle.sig` signs it; `files/`
holds the contents by their place in the chain, `documents/` what was printed, by its place in the history. Pure.
"""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from inspection_service.evidence import reviewing
from inspection_service.evidence.chain import Link, Signer, broken, canonical, climb, holds, leaf

MANIFEST, SEAL = "bundle.json", "bundle.sig"
EPOCH = (1980, 1, 1, 0, 0, 0)
# What the reading of a damaged file stumbles over.
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found; `faults` empty: everything holds. `key` and `root` are to be compared with what was published.

    `recordings`: of each place at which monitoring equipment recorded something, whether its content was reviewed and found in
    order; None: nobody reviewed it, so that it is no evidence (Art. 41).
    """

    case: str | None
    key: str | None
    day: str | None
    root: str | None
    links: int
    files: int
    faults: tuple[str, ...]
    recordings: Mapping[int, bool | None] = field(default_factory=dict)


def file_name(place: int) -> str:
    return f"files/{place:04d}"


def print_name(place: int) -> str:
    return f"documents/{place:04d}.pdf"


def link_out(link: Link) -> dict[str, Any]:
    return {"record": dict(link.record), "hash": link.hash, "signature": link.signature}


def pack(signer: Signer, manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """Return the bundle; the manifest names its public key itself."""
    body = canonical({**manifest, "public_key": signer.public_key})
    seal = signer.link("", {"bundle": hashlib.sha256(body).hexdigest()}).signature.encode()
    return _zip([(MANIFEST, body), (SEAL, seal), *sorted(files.items())])


def _zip(members: Sequence[tuple[str, bytes]]) -> bytes:
    """Return the one ZIP of these members: stored, without times, in this order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, body in members:
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system, info.external_attr = 3, 0o600 << 16
            archive.writestr(info, body)
    return buffer.getvalue()


def verify(bundle: bytes) -> Verdict:
    """Check a bundle from its first byte to its last; needs nothing else."""
    try:
        with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
        manifest = orjson.loads(dict(members)[MANIFEST])
        if _zip(members) != bundle:
            return _nothing("the file is not spelled as a bundle is: something in it was changed")
        return _verdict(manifest, dict(members))
    except UNREADABLE:
        return _nothing("the file is no bundle, or was damaged")


def _nothing(fault: str) -> Verdict:
    return Verdict(None, None, None, None, 0, 0, (fault,))


def _verdict(manifest: dict[str, Any], members: dict[str, bytes]) -> Verdict:
    key = manifest["public_key"]
    links = [Link(link["record"], link["hash"], link["signature"]) for link in manifest["links"]]
    faults = [
        *_seal_faults(key, members),
        *_chain_faults(links, key, manifest["case"]),
        *reviewing.faults(links),
        *_file_faults(links, members),
        *_document_faults(manifest["documents"], members),
        *_stray_faults(links, manifest["documents"], members),
        *_root_faults(manifest.get("root"), links, manifest["case"], key),
    ]
    root = manifest.get("root")
    day, published = (root["record"]["day"], root["record"]["root"]) if root else (None, None)
    counts = len(links), len(members) - 2
    return Verdict(manifest["case"], key, day, published, *counts, tuple(faults), _recordings(links, faults))


def _recordings(links: Sequence[Link], faults: Sequence[str]) -> dict[int, bool | None]:
    """Return what reviews came to; where something is wrong nothing is said of them."""
    if faults:
        return {}
    reviews = reviewing.reviews(links)
    places = [link.record["place"] for link in links if reviewing.is_recording(link.record)]
    return {place: reviews[place].holds if place in reviews else None for place in places}


def _seal_faults(key: str, members: dict[str, bytes]) -> list[str]:
    body = canonical({"bundle": hashlib.sha256(members[MANIFEST]).hexdigest()})
    try:
        signature = bytes.fromhex(members[SEAL].decode())
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, hashlib.sha256(body).digest())
    except (InvalidSignature, ValueError):
        return ["the seal of the bundle does not hold"]
    if canonical(orjson.loads(members[MANIFEST])) != members[MANIFEST]:
        return ["the manifest is not in its one spelling"]
    return []


def _chain_faults(links: Sequence[Link], key: str, case: str) -> list[str]:
    place = broken(links, key)
    found = [f"link {place} of the chain does not hold"] if place else []
    return found + [
        f"link {n} belongs to another case" for n, link in enumerate(links, 1) if link.record["case"] != case
    ]


def _file_faults(links: Sequence[Link], members: dict[str, bytes]) -> list[str]:
    found = []
    for link in links:
        if link.record["type"] != "evidence":
            continue
        name = file_name(link.record["place"])
        body = members.get(name)
        if body is None:
            found.append(f"{name} is missing")
        elif (hashlib.sha256(body).hexdigest(), len(body)) != (link.record["sha256"], link.record["size_bytes"]):
            found.append(f"{name} is not what was collected")
    return found


def _stray_faults(
    links: Sequence[Link], documents: Sequence[Mapping[str, Any]], members: dict[str, bytes]
) -> list[str]:
    expected = {MANIFEST, SEAL} | {print_name(document["place"]) for document in documents}
    expected |= {file_name(link.record["place"]) for link in links if link.record["type"] == "evidence"}
    return [f"{name} belongs to nothing" for name in sorted(set(members) - expected)]


def _document_faults(documents: Sequence[Mapping[str, Any]], members: dict[str, bytes]) -> list[str]:
    found = []
    for document in documents:
        if hashlib.sha256(canonical(document["content"])).hexdigest() != document["sha256"]:
            found.append(f"document {document['number']} is not what was issued")
        printed = members.get(print_name(document["place"]), b"")
        if hashlib.sha256(printed).hexdigest() != document["pdf_sha256"]:
            found.append(f"{print_name(document['place'])} is not what was printed")
    return found


def _root_faults(root: Mapping[str, Any] | None, links: Sequence[Link], case: str, key: str) -> list[str]:
    """A case that was in no day's root yet shows none; what is shown must hold."""
    if root is None:
        return []
    published = Link(root["record"], root["hash"], root["signature"])
    covered = root["links"]
    if not 1 <= covered <= len(links) or not holds(published, root["record"]["previous"], key):
        return ["the day's root does not hold"]
    way = [(side, beside) for side, beside in root["path"]]
    if climb(leaf(case, covered, links[covered - 1].hash), way) != root["record"]["root"]:
        return ["the chain does not lead to the day's root"]
    return []
