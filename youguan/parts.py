"""What a service is made of: whoever runs a suite puts these into processes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from fastapi import APIRouter, FastAPI

from youguan.clock import Clock
from youguan.eventlog import Consumer
from youguan.settings import Settings


@dataclass(frozen=True, slots=True)
class Job:
    """Something that runs until it is cancelled."""

    name: str
    run: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Parts:
    """A service, composed: its APIs by mount path, its pages, and what runs beside them.

    `jobs` and `consumers` run in exactly one process of a suite, `watchers` in every process that serves the web side.
    `ready` says what is still missing, or None. `uploads`: beginnings of paths whose endpoints take bodies in as they come and
    bound them themselves. `documents`: beginnings of paths whose forms bring documents (`youguan.web.documents`). `doors`:
    beginnings of paths whose endpoints find out by themselves who is asking.
    """

    name: str
    apis: Mapping[str, FastAPI] = field(default_factory=dict)
    pages: Sequence[APIRouter] = ()
    jobs: Sequence[Job] = ()
    consumers: Sequence[Consumer] = ()
    watchers: Sequence[Job] = ()
    ready: Callable[[], Awaitable[str | None]] | None = None
    uploads: Sequence[str] = ()
    documents: Sequence[str] = ()
    doors: Sequence[str] = ()


Compose = Callable[[Settings, Clock], AbstractAsyncContextManager[Parts]]
