"""Several workers take from one listening socket: each gets its part, and one that is full leaves the rest."""

import asyncio
import resource
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from ocpp_gateway.connections.acceptor import SPARE_FILES, Acceptor, longest_draw_ms, lowest_free_file
from tests.suite import eventually
from youguan.files import allow_many_files


class Worker:
    """Holds whatever its acceptor takes, for as long as it has room."""

    def __init__(self, listening: socket.socket, room: int = 1 << 20) -> None:
        self.held: set[asyncio.BaseTransport] = set()
        self.taken = 0
        own = listening.dup()
        own.setblocking(False)
        most_files = lowest_free_file(own) + room + SPARE_FILES
        self.acceptor = Acceptor(own, lambda: Holding(self), lambda: len(self.held), most_files)

    async def has_taken(self, count: int) -> None:
        async def taken() -> bool:
            return self.taken == count

        await eventually(taken)

    async def close(self) -> None:
        async def nothing_held() -> bool:
            return not self.held

        self.acceptor.stop()
        for transport in self.held:
            transport.close()
        await eventually(nothing_held)


class Holding(asyncio.Protocol):
    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._worker.held.add(transport)
        self._worker.taken += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._worker.held.discard(self._transport)


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0), backlog=256)) as made:
        yield made


@pytest.fixture
def callers() -> Iterator[list[socket.socket]]:
    """Sockets made beforehand, so that what a worker takes gets the numbers behind them."""
    made = [socket.socket() for _ in range(60)]
    yield made
    for caller in made:
        caller.close()


async def test_workers_share_what_comes(listening: socket.socket, callers: list[socket.socket]) -> None:
    workers = [Worker(listening), Worker(listening)]
    for worker in workers:
        worker.acceptor.start()

    async def everybody_is_taken() -> bool:
        return sum(worker.taken for worker in workers) == len(called)

    called: list[socket.socket] = []
    for caller in callers[:30]:
        called.append(caller)
        caller.connect(listening.getsockname())
        await eventually(everybody_is_taken)
    assert min(worker.taken for worker in workers) > 2
    for worker in workers:
        await worker.close()


async def test_a_full_worker_leaves_the_rest_to_the_others(
    listening: socket.socket, callers: list[socket.socket]
) -> None:
    empty, full = Worker(listening), Worker(listening, room=3)
    full.acceptor.start()
    for caller in callers:
        caller.connect(listening.getsockname())
    await full.has_taken(3)
    empty.acceptor.start()
    await empty.has_taken(len(callers) - 3)
    assert full.taken == 3
    await full.close()
    await empty.close()


async def test_a_worker_takes_again_when_it_has_room(listening: socket.socket, callers: list[socket.socket]) -> None:
    worker = Worker(listening, room=1)
    worker.acceptor.start()
    for caller in callers[:2]:
        caller.connect(listening.getsockname())
    await worker.has_taken(1)
    next(iter(worker.held)).close()
    await worker.has_taken(2)
    await worker.close()


def test_who_holds_more_waits_longer() -> None:
    draws = [longest_draw_ms(held) for held in (0, 500, 8_000, 19_000)]
    assert draws == sorted(set(draws))
    assert longest_draw_ms(19_000) < 50, "nobody notices"


def test_the_soft_limit_of_files_is_raised() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, soft), hard))
        assert allow_many_files() == resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= min(hard, 10_240)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
