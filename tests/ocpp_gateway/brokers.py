"""A real Mosquitto of our own, on a free port."""

import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from deploy import embedded


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@dataclass
class Mosquitto:
    """Mosquitto in a folder, with whatever lines of configuration a test adds."""

    folder: Path
    lines: list[str] = field(default_factory=lambda: ["allow_anonymous true"])
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it accepts."""
        program = embedded.mosquitto()
        assert program is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = [f"listener {self.port} 127.0.0.1", *self.lines, "persistence true", "max_queued_messages 100000",
                 f"persistence_location {self.folder}/", *(["user root"] if os.geteuid() == 0 else [])]  # fmt: skip
        file = self.folder / "mosquitto.conf"
        file.write_text("\n".join(lines) + "\n")
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen([program, "-c", str(file)], stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while not self._accepts():
            assert self.process.poll() is None, (self.folder / "mosquitto.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def _accepts(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """Stop in order: what it holds goes to its folder."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def forget(self) -> None:
        """Lose everything, as on a new disk."""
        self.stop()
        shutil.rmtree(self.folder)
