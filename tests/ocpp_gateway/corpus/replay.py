"""Plays a frame to a conversation and says what came of it."""

from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ocpp_gateway.protocol.versions import Version, named
from ocpp_gateway.recorder.batch import Entry
from tests.ocpp_gateway.fakes import Talk
from youguan.clock import utc_text

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*/*.json"))


def version_of(file: Path) -> Version:
    return named(file.parent.name)


def replay(frames: list[str], version: Version) -> list[dict[str, Any]]:
    """Return, for each frame, the answer on the wire, what was observed and what was refused."""
    talk = Talk(version)
    outcomes: list[dict[str, Any]] = []
    for frame in frames:
        talk.raw(frame.encode())
        entries = list(talk.recorder.entries)
        talk.recorder.settle()
        answer, talk.wire.raw = b"".join(talk.wire.raw).decode() or None, []
        outcomes.append({"frame": frame, "answer": answer, **_seen(entries)})
    return outcomes


def _seen(entries: list[Entry]) -> dict[str, Any]:
    return {
        "observations": [_plain(observation) for entry in entries for observation in entry.observations],
        "refused": [f"{doubt.code}: {doubt.reason}" for entry in entries for doubt in entry.doubts],
    }


def _plain(value: Any) -> Any:
    """Return an observation as JSON: the name of its kind, then its members."""
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {"kind": type(value).__name__, **{name: _plain(member) for name, member in value._asdict().items()}}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(map(_plain, value))
    if is_dataclass(value) and not isinstance(value, type):
        members = {name: _plain(getattr(value, name)) for name in asdict(value)}
        return {"kind": type(value).__name__, **members}
    return value
