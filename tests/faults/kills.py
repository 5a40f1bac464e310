"""Somebody who kills parts of a running suite at random; the same seed chooses the same parts and pauses."""

import asyncio
import os
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from deploy import status
from deploy.processes import WITHIN_S

# The supervisor gives up a part that dies six times in a minute: these stay below that. PostgreSQL dies of itself once more
# when it begins again before all processes of the one that was killed have ended.
MOST_A_MINUTE = {"postgresql": 2}
OTHERWISE = 4
PAUSE_S = (0.5, 4.0)


@dataclass
class Killer:
    """Sends SIGKILL, and remembers to whom."""

    data: Path
    parts: Collection[str]
    random: Random
    say: Callable[[str], None] = print
    killed: Counter[str] = field(default_factory=Counter)
    _times: dict[str, deque[float]] = field(default_factory=dict)

    async def go_on(self, seconds: float) -> None:
        """Kill one after the other until the time is up."""
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            if (name := self._choose()) and (pid := self.pid_of(name)):
                os.kill(pid, signal.SIGKILL)
                self.killed[name] += 1
                self._times.setdefault(name, deque(maxlen=OTHERWISE)).append(time.monotonic())
                self.say(f"  {passed:5.1f} s  {name} killed")
            await asyncio.sleep(self.random.uniform(*PAUSE_S))

    def _choose(self) -> str | None:
        """Return a part that may die once more; all are drawn, so that the seed decides however fast things go."""
        now = time.monotonic()
        for name in self.random.sample(sorted(self.parts), len(self.parts)):
            lately = [at for at in self._times.get(name, ()) if now - at < WITHIN_S]
            if len(lately) < MOST_A_MINUTE.get(name, OTHERWISE):
                return name
        return None

    def pid_of(self, name: str) -> int | None:
        """Return the process of a part that runs at this moment."""
        found = status.read(self.data)
        part = next((p for p in found.parts if p.name == name and p.state == "running"), None) if found else None
        return part.pid if part is not None and part.pid is not None and status.alive(part) else None
