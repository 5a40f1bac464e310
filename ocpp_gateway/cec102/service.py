"""The room of operators' platforms, composed."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import httpx
from fastapi import APIRouter, FastAPI

from ocpp_gateway.cec102.api import add_platforms
from ocpp_gateway.cec102.asking.pull import Puller
from ocpp_gateway.cec102.calling import Callers
from ocpp_gateway.cec102.desk import PlatformDesk
from ocpp_gateway.cec102.filed import directory
from ocpp_gateway.cec102.intake.feed import Feed
from ocpp_gateway.cec102.intake.server import Door, base_paths, platform_routes
from ocpp_gateway.cec102.overview import Looking
from ocpp_gateway.cec102.pages import platform_pages
from ocpp_gateway.cec102.upward.pulse import Pulse
from ocpp_gateway.cec102.upward.reporting import Upward
from ocpp_gateway.cec102.watch import PlatformWatch
from ocpp_gateway.commands.sealing import Sealer
from ocpp_gateway.privacy import marker
from youguan.clock import Clock
from youguan.eventlog import Consumer
from youguan.parts import Job
from youguan.settings import Settings
from youguan.web.templates import Templates


@dataclass(frozen=True, slots=True)
class Room:
    """What the gateway's service takes of it; `doors` are the paths that platforms send to."""

    doors: dict[str, FastAPI]
    pages: APIRouter
    jobs: Sequence[Job]
    watchers: Sequence[Job]
    consumers: Sequence[Consumer]


def add_room(
    api: FastAPI, pool: asyncpg.Pool, settings: Settings, clock: Clock, calling: httpx.AsyncClient, templates: Templates
) -> Room:
    """Put the room together, and add its routes to /api/gateway."""
    profiles, sealer = directory.profiles_of(settings), Sealer(settings.station_key_secret)
    secret = settings.station_key_secret or ""  # without one no platform can be let in
    mark = marker(secret)
    desk = PlatformDesk(pool, clock, sealer, profiles)
    looking = Looking(desk, sealer, mark, clock)
    callers = Callers(desk, sealer, calling, clock)
    upward = Upward(desk, callers, clock)
    feed = Feed(pool, settings.dsn_for("gateway"), settings.platform_slot, clock)
    door = Door(feed, profiles, sealer, secret, mark, clock)
    add_platforms(api, looking)
    return Room(
        doors={path: platform_routes(door) for path in base_paths(profiles)},
        pages=platform_pages(looking, templates),
        jobs=[
            Job("gateway.upward", upward.run),
            Job("gateway.upward_pulse", Pulse(desk, clock).run),
            Job("gateway.platform_watch", PlatformWatch(desk, clock).run),
        ],
        watchers=[
            Job("gateway.platform_feed", feed.run),
            Job("gateway.platform_pull", Puller(callers, feed, mark, clock).run),
        ],
        consumers=[directory.consumer(pool), directory.sites_consumer(pool), upward.consumer()],
    )
