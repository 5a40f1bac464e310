"""What is known of one connection, and for how long it is waited for."""

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple

IDLE_S = 120.0
LOGIN_WITHIN_S = 30.0
LONGEST_S = 2 * 3600.0
MOST_LINES = 1000  # what is not read of our answers is kept for so long as well
GRACE_S = 0.2  # so long after a file's end it is heard whether its station ended too


class Login(NamedTuple):
    """Which address somebody has shown: `upload` and its token, `firmware` and its id."""

    user: str
    secret: str


@dataclass(slots=True, eq=False)
class Visit:
    """One connection."""

    source: str
    user: str = ""
    login: Login | None = None
    secured: bool = False
    private: bool = False  # data goes over TLS too
    announced: int | None = None  # how large the file is, by the station's word
    offset: int = 0  # from where the next file goes on
    whole: bool = False  # the file on its way has come to its end
    transfer: asyncio.Task[bool] | None = None
    aborted: bool = False
    lines: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    began: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    @property
    def busy(self) -> bool:
        """Say whether a file is on its way."""
        return self.transfer is not None and not self.transfer.done()

    def take_offset(self) -> int:
        """Return from where a file goes on; the next begins at its beginning again."""
        offset, self.offset = self.offset, 0
        return offset

    async def line(self, reader: asyncio.StreamReader) -> tuple[bytes, str]:
        """Return (the next line, ""), or (nothing, why not); "" where the client has ended."""
        self.lines += 1
        if self.lines > MOST_LINES:
            return b"", "too many commands"
        while True:
            try:
                async with asyncio.timeout(self._patience()):
                    line = await reader.readline()
            except TimeoutError:
                if self.busy:
                    continue
                return b"", "nothing was said for too long"
            except ValueError:
                return b"", "the line is too long"
            except OSError:
                return b"", ""
            return (line, "") if line.endswith(b"\n") else (b"", "")

    def _patience(self) -> float:
        if self.login is not None:
            return IDLE_S
        return max(self.began + LOGIN_WITHIN_S - asyncio.get_running_loop().time(), 0)
