"""The supervisor, with commands that die as they are told."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from deploy.processes import LARGEST_LOG, LONGEST_BACKOFF_S, TOO_OFTEN, GivenUp, Part, Supervisor, backoff_s
from tests.suite import eventually

LIVES = "import time; print('here', flush=True); time.sleep(600)"
DIES = "import sys; print('no luck today'); sys.exit(3)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {LIVES}"


class Changes:
    """Keeps the states that were told of each part."""

    def __init__(self) -> None:
        self.seen: list[list[tuple[str, int | None, str, int]]] = []
        self.supervisor: Supervisor | None = None

    def __call__(self) -> None:
        assert self.supervisor is not None
        self.seen.append([(part.name, part.pid, part.state, part.restarts) for part in self.supervisor.parts])


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
async def supervisor(changes: Changes) -> AsyncIterator[Supervisor]:
    """One that does not wait before it begins a part again."""
    changes.supervisor = Supervisor(changes, backoff_s=lambda deaths: 0)
    yield changes.supervisor
    await changes.supervisor.stop()


def part(folder: Path, name: str, code: str, **options: object) -> Part:
    return Part(name, [sys.executable, "-c", code], folder / "logs" / f"{name}.log", **options)  # type: ignore[arg-type]


async def speaks(part: Part) -> int:
    """Wait until a part is up and return its pid."""

    async def spoken() -> int | None:
        return part.pid if "here" in part.last_words() else None

    return await eventually(spoken)


async def test_a_part_that_dies_begins_again_and_is_shown_as_such(
    tmp_path: Path, supervisor: Supervisor, changes: Changes
) -> None:
    one = part(tmp_path, "one", LIVES)
    await supervisor.start(one)
    first = await speaks(one)
    os.kill(first, signal.SIGKILL)

    async def lives_again() -> bool:
        return one.pid not in (None, first)

    await eventually(lives_again)
    states = [(state, restarts, pid) for [(_, pid, state, restarts)] in changes.seen]
    assert states == [("running", 0, first), ("restarting", 1, None), ("running", 1, one.pid)]
    assert not supervisor.failed.done()


async def test_a_part_that_writes_much_does_not_fill_the_disk(tmp_path: Path) -> None:
    writes = "import os, time; os.write(1, b'x' * (9 * 1024 * 1024)); print('here', flush=True); time.sleep(600)"
    supervisor = Supervisor(lambda: None, look_at_logs_s=0.05)
    one = part(tmp_path, "one", writes)
    await supervisor.start(one)

    async def put_aside() -> bool:
        aside = one.log_file.with_suffix(".log.1")
        return aside.exists() and aside.stat().st_size > LARGEST_LOG and one.log_file.stat().st_size < LARGEST_LOG

    await eventually(put_aside)
    await supervisor.stop()
    assert (one.restarts, one.state) == (0, "stopped")


async def test_a_part_that_keeps_dying_is_given_up_with_its_last_words(tmp_path: Path, supervisor: Supervisor) -> None:
    one = part(tmp_path, "one", DIES)
    await supervisor.start(one)
    with pytest.raises(GivenUp, match=r"(?s)one keeps dying.*no luck today"):
        await supervisor.failed
    assert (one.state, one.restarts) == ("failed", TOO_OFTEN)


async def test_a_part_that_cannot_even_begin_again_is_given_up_too(tmp_path: Path, supervisor: Supervisor) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho gone; rm {program}\n")
    program.chmod(0o755)
    await supervisor.start(Part("one", [str(program)], tmp_path / "one.log"))
    with pytest.raises(GivenUp, match=r"(?s)one keeps dying.*gone"):
        await supervisor.failed


async def test_whatever_keeps_a_part_from_beginning_again_is_told(tmp_path: Path, supervisor: Supervisor) -> None:
    one = part(tmp_path, "one", LIVES)
    await supervisor.start(one)
    pid = await speaks(one)
    one.command.append("no \0 argument")
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(GivenUp, match="one keeps dying"):
        await supervisor.failed


async def test_every_death_is_told(tmp_path: Path) -> None:
    deaths: list[int] = []
    supervisor = Supervisor(lambda: None, backoff_s=lambda _: 600, on_death=deaths.append)
    one = part(tmp_path, "one", LIVES)
    await supervisor.start(one)
    pid = await speaks(one)
    os.kill(pid, signal.SIGKILL)

    async def told() -> bool:
        return deaths == [pid]

    await eventually(told)
    await supervisor.stop()


async def test_parts_stop_in_the_opposite_order_and_a_deaf_one_is_killed(
    tmp_path: Path, supervisor: Supervisor, changes: Changes
) -> None:
    parts = [
        part(tmp_path, "database", LIVES),
        part(tmp_path, "gateway-0", DEAF, stop_within_s=0.2),
        part(tmp_path, "gateway-1", LIVES),
        part(tmp_path, "web", LIVES),
    ]
    for each in parts:
        await supervisor.start(each)
    pids = [await speaks(each) for each in parts]
    before = len(changes.seen)
    await supervisor.stop()
    first_stopping: dict[str, None] = {}
    for seen in changes.seen[before:]:
        first_stopping |= dict.fromkeys(name for name, _, state, _ in reversed(seen) if state == "stopping")
    assert list(first_stopping) == ["web", "gateway-0", "gateway-1", "database"] or list(first_stopping) == [
        "web", "gateway-1", "gateway-0", "database",
    ]  # fmt: skip
    assert [each.state for each in parts] == ["stopped"] * 4
    assert not any(map(psutil.pid_exists, pids))
    deaf, web = (each.process for each in (parts[1], parts[3]))
    assert deaf is not None
    assert web is not None
    assert (deaf.returncode, web.returncode) == (-signal.SIGKILL, -signal.SIGTERM)


async def test_nothing_begins_again_once_everything_stops(tmp_path: Path, changes: Changes) -> None:
    """Between the death of a part and its next beginning the suite is stopped."""
    changes.supervisor = Supervisor(changes, backoff_s=lambda deaths: 600)
    one = part(tmp_path, "one", DIES)
    await changes.supervisor.start(one)

    async def waits() -> bool:
        return one.state == "restarting"

    await eventually(waits)
    async with asyncio.timeout(30):
        await changes.supervisor.stop()
    assert (one.state, one.pid) == ("stopped", None)


async def test_slow_parts_share_the_time_there_is(tmp_path: Path, changes: Changes) -> None:
    """Each may take its time, all of them together may not."""
    changes.supervisor = Supervisor(changes, stop_within_s=0)
    parts = [part(tmp_path, name, DEAF, stop_within_s=600) for name in ("database", "web")]
    for each in parts:
        await changes.supervisor.start(each)
        await speaks(each)
    async with asyncio.timeout(60):
        await changes.supervisor.stop()
    assert [each.process and each.process.returncode for each in parts] == [-signal.SIGKILL] * 2


def test_the_wait_doubles_up_to_a_limit() -> None:
    waits = [backoff_s(deaths) for deaths in range(1, TOO_OFTEN + 2)]
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, LONGEST_BACKOFF_S]
