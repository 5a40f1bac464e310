"""The gateway's web side and jobs, composed; the sockets are in `worker.py`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from ocpp_gateway.api import gateway_api
from ocpp_gateway.authorisation.api import add_authorisation
from ocpp_gateway.authorisation.desk import TokenDesk
from ocpp_gateway.authorisation.pages import id_token_pages
from ocpp_gateway.cec102.client import http_client
from ocpp_gateway.cec102.service import add_room
from ocpp_gateway.certificates.api import add_certificates
from ocpp_gateway.certificates.desk import CertificateDesk
from ocpp_gateway.commands.api import add_commands
from ocpp_gateway.commands.desk import Desk, Keys
from ocpp_gateway.commands.pages import command_pages
from ocpp_gateway.commands.probes import Probes
from ocpp_gateway.devices.api import add_variables
from ocpp_gateway.files.api import add_files, files_api, sweep
from ocpp_gateway.files.depot import Depot
from ocpp_gateway.heartbeats.api import add_heartbeats
from ocpp_gateway.heartbeats.desk import IntervalDesk
from ocpp_gateway.heartbeats.pages import heartbeat_pages
from ocpp_gateway.heartbeats.watch import STREAM, HeartbeatWatch
from ocpp_gateway.mqtt.outbound import StatusPublisher
from ocpp_gateway.notifications.api import add_notifications
from ocpp_gateway.pages.certificates import certificate_pages
from ocpp_gateway.pages.commands import Errands, station_command_pages
from ocpp_gateway.pages.figures import Figures
from ocpp_gateway.pages.firmware import UPLOAD, firmware_pages
from ocpp_gateway.pages.health import health_pages
from ocpp_gateway.pages.stations import station_pages
from ocpp_gateway.relay import upstreams
from ocpp_gateway.relay.api import add_relay
from ocpp_gateway.relay.pages import relay_pages
from ocpp_gateway.retention.job import Retention
from ocpp_gateway.retention.terms import countable
from ocpp_gateway.sensors.api import add_sensors
from ocpp_gateway.stations import credentials, directory
from ocpp_gateway.stations.ownership import SlotWatch
from ocpp_gateway.timeseries.api import add_timeseries
from ocpp_gateway.timeseries.rollup import Rollup
from ocpp_gateway.transactions.api import add_transactions
from youguan.clock import Clock
from youguan.database import create_pool
from youguan.parts import Job, Parts
from youguan.pki import Authority
from youguan.settings import Settings
from youguan.web.application import metrics_registry
from youguan.web.templates import Templates


@asynccontextmanager
async def compose(settings: Settings, clock: Clock) -> AsyncIterator[Parts]:
    """Put the service together."""
    async with await create_pool(settings.dsn_for("gateway"), max_size=12) as pool, http_client() as calling:
        watch = HeartbeatWatch(pool, clock, settings.heartbeat_interval_s, settings.offline_after_heartbeats)
        intervals = IntervalDesk(pool, clock)
        rollup = Rollup(pool, clock, countable(settings))
        keys = Keys(settings.station_key_secret, timedelta(seconds=settings.station_key_grace_s))
        desk, probes = Desk(pool, clock, keys), Probes(pool, clock)
        signer = Authority(settings.station_authority) if settings.station_authority else None
        certificates = CertificateDesk(pool, desk, signer, clock)
        tokens = TokenDesk(pool, desk, clock)
        depot = Depot(pool, desk, clock, settings)
        api = gateway_api(pool, clock)
        add_commands(api, pool, desk)
        add_timeseries(api, pool, clock)
        add_transactions(api, pool)
        add_variables(api, pool)
        add_authorisation(api, tokens, clock)
        add_certificates(api, pool, certificates)
        add_heartbeats(api, intervals)
        add_sensors(api, pool)
        add_files(api, pool, depot)
        add_notifications(api, pool)
        add_relay(api, pool)
        templates = Templates(Path(__file__).parent / "templates")
        figures = Figures(metrics_registry)
        platforms = add_room(api, pool, settings, clock, calling, templates)
        pages = [
            id_token_pages(tokens, templates),
            command_pages(pool, desk),
            station_pages(pool, templates, clock, depot),
            station_command_pages(Errands(desk, tokens, depot, clock), pool, templates),
            heartbeat_pages(intervals),
            health_pages(pool, templates, settings, figures),
            certificate_pages(pool, templates, certificates),
            firmware_pages(depot, pool, templates),
            platforms.pages,
            relay_pages(pool, templates, settings, figures),
        ]
        jobs = [
            Job("gateway.heartbeat_watch", watch.run),
            Job("gateway.slot_watch", SlotWatch(pool, clock, STREAM).run),
            Job("gateway.retention", Retention(pool, clock, settings).run),
            Job("gateway.command_watch", desk.watch),
            Job("gateway.probe_watch", probes.watch),
            Job("gateway.rollup", rollup.run),
            Job("gateway.reservation_watch", tokens.watch_reservations),
            Job("gateway.upload_sweep", lambda: sweep(depot)),
            *platforms.jobs,
        ]
        if signs_by_itself(settings):
            jobs.append(Job("gateway.certificates", certificates.approve_by_policy))
        if settings.mqtt_url:
            jobs.append(Job("gateway.mqtt", StatusPublisher(pool, settings).run))
        yield Parts(
            name="gateway",
            apis={"/api/gateway": api, "/files": files_api(depot), **platforms.doors},
            pages=pages,
            jobs=jobs,
            consumers=[
                directory.consumer(pool),
                credentials.consumer(pool),
                upstreams.consumer(pool),
                probes.consumer(),
                rollup.consumer(),
                *platforms.consumers,
            ],
            watchers=[
                Job("gateway.command_answers", desk.keep_answers),
                Job("gateway.figures", figures.run),
                *platforms.watchers,
            ],
            uploads=["/files/upload/", "/api/gateway/firmware/", UPLOAD, *(f"{path}/" for path in platforms.doors)],
            doors=[f"{path}/" for path in platforms.doors],
        )


def signs_by_itself(settings: Settings) -> bool:
    """Say whether nobody need approve certificates: never where a station may connect without showing who it is."""
    return settings.sign_certificates == "automatic" and not settings.ocpp_open_networks
