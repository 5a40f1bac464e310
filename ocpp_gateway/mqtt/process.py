"""A bridge in a process of its own: the broker's messages and the recorder. `python -m ocpp_gateway bridge --slot=1000`.

Not one of the jobs: a flood of messages must not delay the consumers, and of bridges there may be several.
"""

import asyncio
import logging
from contextlib import suppress
from importlib.resources import files

from ocpp_gateway.mqtt import store
from ocpp_gateway.mqtt.bridge import SOURCE, Bridge
from ocpp_gateway.mqtt.connection import Caller, Dialer, Link, broker
from ocpp_gateway.mqtt.mapping import TopicMapping, read_mapping
from ocpp_gateway.mqtt.repeats import Repeats
from ocpp_gateway.recorder.direct import DirectRecorder
from ocpp_gateway.stations.directory import Directory
from ocpp_gateway.stations.ownership import Ownership
from ocpp_gateway.worker import first_of
from youguan.clock import SystemClock
from youguan.database import create_pool, patiently
from youguan.settings import Settings

log = logging.getLogger(__name__)

FIRST_SLOT = 1000
DRAIN_S = 8.0
GROUP = "$share/youguan/"


def mapping_of(settings: Settings) -> TopicMapping:
    """Return the mapping that is to be used: the one that ships unless the settings name another; Invalid."""
    if settings.mqtt_mapping is not None:
        return read_mapping(settings.mqtt_mapping.read_text(encoding="utf-8"))
    return read_mapping(files("ocpp_gateway.mqtt").joinpath("topics.toml").read_text(encoding="utf-8"))


async def run(settings: Settings, slot: int, stop: asyncio.Event) -> None:
    """Take messages until told to stop, then store and acknowledge what has been taken."""
    clock, mapping = SystemClock(), mapping_of(settings)
    async with await create_pool(settings.dsn_for("gateway"), max_size=4, patience_s=3600) as pool:
        directory = Directory(pool)
        recorder = DirectRecorder(
            settings.dsn_for("gateway"),
            slot,
            on_lost=lambda epochs: bridge.lose(epochs),  # noqa: PLW0108  # made below
            source=SOURCE,
        )
        await Ownership(pool, slot, clock).start()
        repeats = Repeats(await patiently(pool, lambda connection: store.delivered(connection, slot)))
        bridge = Bridge(pool, slot, recorder, directory, mapping, clock, repeats)
        loaded = asyncio.Event()
        writing = asyncio.create_task(recorder.run())
        beside = [asyncio.create_task(directory.keep(loaded)), asyncio.create_task(bridge.run())]
        await loaded.wait()
        dialling = asyncio.create_task(
            _dialer(settings, slot, mapping, bridge).stay(lambda link: _hold(link, recorder))
        )
        log.info("bridge %d: %d patterns", slot, len(mapping.topic))
        await first_of(stop, writing, dialling, *beside)
        for task in (dialling, *beside):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await _end(recorder, writing)


def _dialer(settings: Settings, slot: int, mapping: TopicMapping, bridge: Bridge) -> Dialer:
    group = GROUP if settings.mqtt_shared else ""
    caller = Caller(
        f"{settings.mqtt_client_id}-in-{slot}",
        f"youguan/v1/bridges/in-{slot}/state",
        settings.mqtt_session_s,
        [group + name for name in mapping.filters],
        bridge.take,
    )
    return Dialer(broker(settings), caller)


async def _hold(link: Link, recorder: DirectRecorder) -> None:
    """Leave a link open; when we are told to stop, only after what it brought has been acknowledged."""
    try:
        await link.lost()
    except asyncio.CancelledError:
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await recorder.settled()
        raise


async def _end(recorder: DirectRecorder, writing: asyncio.Task[None]) -> None:
    recorder.stop()
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            await asyncio.shield(writing)
    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing
