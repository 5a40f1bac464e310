"""The processes of a suite: started, watched, begun again when they die, stopped in order."""

import asyncio
import ctypes
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from deploy.embedded import Account
from youguan.lifeline import VARIABLE

log = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
LARGEST_LOG = 8 * 1024 * 1024
LOOK_AT_LOGS_S = 30.0
TOO_OFTEN = 6  # deaths
WITHIN_S = 60.0
LONGEST_BACKOFF_S = 8.0
STOP_WITHIN_S = 25.0  # all parts together: who stops us waits 30 s
LEAST_STOP_S = 1.0  # what a part has even when others took all of it


class GivenUp(Exception):
    """A part keeps dying."""


@dataclass
class Part:
    """One process: how to start it, how it is, and where its words go."""

    name: str
    command: list[str]
    log_file: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_s: float = 10.0
    state: str = "stopped"
    restarts: int = 0
    process: asyncio.subprocess.Process | None = None
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=TOO_OFTEN))

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.returncode is None else None

    def last_words(self, lines: int = 20) -> str:
        """Return the end of the part's log."""
        with suppress(OSError):
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])
        return ""


def backoff_s(deaths: int) -> float:
    """Return how long to wait before a part begins again that died so often lately."""
    return min(0.2 * 2.0 ** (deaths - 1), LONGEST_BACKOFF_S)


class Supervisor:
    """Starts parts, keeps them alive, and stops them in the opposite order."""

    def __init__(
        self,
        on_change: Callable[[], None],
        backoff_s: Callable[[int], float] = backoff_s,
        stop_within_s: float = STOP_WITHIN_S,
        on_death: Callable[[int], None] = lambda pid: None,
        look_at_logs_s: float = LOOK_AT_LOGS_S,
    ) -> None:
        self.parts: list[Part] = []
        self._watches: list[asyncio.Task[None]] = []
        self._on_change = on_change
        self._on_death = on_death
        self._backoff_s = backoff_s
        self._stop_within_s = stop_within_s
        self._look_at_logs_s = look_at_logs_s
        self._lifeline, self._held = os.pipe()  # children read the one end; the other dies with us
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self, part: Part) -> None:
        """Start a part and watch it from now on."""
        self.parts.append(part)
        await self._spawn(part)
        self._watches += [asyncio.create_task(self._watch(part)), asyncio.create_task(self._keep_short(part.log_file))]

    async def _spawn(self, part: Part) -> None:
        part.log_file.parent.mkdir(parents=True, exist_ok=True)
        identity = {"user": part.account.uid, "group": part.account.gid, "extra_groups": ()} if part.account else {}
        with part.log_file.open("ab") as output:
            part.process = await asyncio.create_subprocess_exec(
                *part.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**inherited(os.environ), **part.environment, VARIABLE: str(self._lifeline)},
                pass_fds=(self._lifeline, *part.descriptors),
                start_new_session=True,  # Ctrl-C is for the supervisor, who stops the parts in order
                cwd="/" if part.account else None,
                preexec_fn=_die_with_parent(part.stop_signal),
                **identity,  # type: ignore[arg-type]
            )
        part.state = "running"
        self._on_change()

    async def _watch(self, part: Part) -> None:
        """Begin a part again when it dies; give up when it keeps dying."""
        died_of: object = await self._death(part)
        while True:
            part.deaths.append(time.monotonic())
            part.restarts += 1
            part.state = "restarting"
            self._on_change()
            log.warning("%s died (%s) and begins again", part.name, died_of)
            if len(part.deaths) == TOO_OFTEN and part.deaths[-1] - part.deaths[0] < WITHIN_S:
                self._give_up(part)
                return
            recent = sum(time.monotonic() - death < WITHIN_S for death in part.deaths)
            await asyncio.sleep(self._backoff_s(recent))
            try:
                await self._spawn(part)
                died_of = await self._death(part)
            except Exception as error:  # no memory, no files, no room for its log: that may pass, else it is given up
                died_of = error

    async def _keep_short(self, log_file: Path) -> None:
        """Put aside what a part has written once it is much: one that lives for a year must not fill the disk."""
        while True:
            await asyncio.sleep(self._look_at_logs_s)
            await asyncio.to_thread(put_aside, log_file)

    async def _death(self, part: Part) -> int:
        """Wait until a part has died."""
        assert part.process is not None
        code = await part.process.wait()
        self._on_death(part.process.pid)
        return code

    def _give_up(self, part: Part) -> None:
        part.state = "failed"
        self._on_change()
        if not self.failed.done():
            self.failed.set_exception(GivenUp(f"{part.name} keeps dying; its last words:\n{part.last_words()}"))

    async def stop(self) -> None:
        """Stop every part, those that were started last first; who is too slow, or too late, is killed."""
        deadline = asyncio.get_running_loop().time() + self._stop_within_s
        for watch in self._watches:  # first: none of them may begin a part again behind our back
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        for group in _by_kind(reversed(self.parts)):
            await asyncio.gather(*(self._stop(part, deadline) for part in group))
        if self.failed.done():
            self.failed.exception()

    async def _stop(self, part: Part, deadline: float) -> None:
        process = part.process
        if process is None or process.returncode is not None:
            part.state = "stopped"
            return
        part.state = "stopping"
        self._on_change()
        with suppress(ProcessLookupError):
            process.send_signal(part.stop_signal)
        try:
            left = max(deadline - asyncio.get_running_loop().time(), LEAST_STOP_S)
            async with asyncio.timeout(min(part.stop_within_s, left)):
                await process.wait()
        except TimeoutError:
            log.warning("%s did not stop in time and is killed", part.name)
            process.kill()
            await process.wait()
        part.state = "stopped"


def put_aside(log_file: Path) -> None:
    """Begin a log anew that has become large; what it held stays beside it, unless the disk has no room for that.

    The part goes on writing into the same file, at its end: the few lines that come while it is copied are lost.
    """
    with suppress(OSError):
        if log_file.stat().st_size <= LARGEST_LOG:
            return
        with suppress(OSError):
            shutil.copyfile(log_file, log_file.with_suffix(".log.1"))
        os.truncate(log_file, 0)


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a part may have of our own environment: none of the suite's settings, each part is given what it needs."""
    return {name: value for name, value in environment.items() if not name.startswith("YOUGUAN_")}


def _by_kind(parts: Iterable[Part]) -> list[list[Part]]:
    """Group neighbours of one kind (gateway-0, gateway-1 …), which stop side by side."""
    groups: list[list[Part]] = []
    for part in parts:
        kind = part.name.rstrip("0123456789")
        if groups and groups[-1][0].name.rstrip("0123456789") == kind:
            groups[-1].append(part)
        else:
            groups.append([part])
    return groups


def _die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """On Linux the kernel tells a child that its parent was killed; elsewhere the lifeline and the next start must do."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None, use_errno=True)

    def tell() -> None:
        library.prctl(PR_SET_PDEATHSIG, int(number))

    return tell
