"""`youguan mqtt`: what a mapping makes of a message, and every status once more."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from deploy import status
from deploy.commands.data import DEFAULT_DATA, Data, database_of
from ocpp_gateway.mqtt.mapping import read_mapping
from ocpp_gateway.mqtt.outbound import republish
from ocpp_gateway.mqtt.reading import read
from ocpp_gateway.observation import MeterSampled, SensorRead, StatusReported
from youguan.clock import SystemClock
from youguan.database import AWAY, create_pool
from youguan.errors import YouguanError
from youguan.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def mqtt() -> None:
    """What comes and goes over MQTT."""


@app.command("try")
def try_mapping(
    mapping: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="a mapping such as topics.toml")],
    topic: Annotated[str | None, typer.Argument(help="where it came by; else the input is `TOPIC MESSAGE`")] = None,
) -> None:
    """Show what a message on standard input becomes; exit code 1 where anything of it is refused, 2 for a bad mapping."""
    message = sys.stdin.buffer.read()
    if topic is None:  # as `mosquitto_sub -v` prints it
        first, _, message = message.partition(b" ")
        topic = first.decode(errors="replace")
    if {"+", "#"} & set(topic):
        typer.echo(f"{topic}: no message comes by a topic with + or #; name the one that it came by", err=True)
        raise typer.Exit(1)
    try:
        found = read_mapping(mapping.read_text(encoding="utf-8"))
    except (YouguanError, UnicodeDecodeError) as error:
        typer.echo(f"{mapping.name}: {error}", err=True)
        raise typer.Exit(2) from None
    reading = read(found, topic, message, SystemClock().now())
    observations: list[StatusReported | MeterSampled | SensorRead] = []
    observations += [*reading.statuses, *reading.samples, *reading.sensors]
    for observation in observations:
        members = {name: str(value) for name, value in observation._asdict().items() if value is not None}
        typer.echo(json.dumps({"observation": type(observation).__name__, **members}, ensure_ascii=False))
    for refused in reading.refused:
        typer.echo(f"{topic}: {refused}", err=True)
    raise typer.Exit(1 if reading.refused else 0)


@app.command("republish")
def republish_command(data: Data = DEFAULT_DATA) -> None:
    """Publish every connector's status once more, for a broker that lost its data."""
    database_url, found = database_of(data), status.read(data)
    settings = Settings()
    if settings.mqtt_url is None:
        settings = settings.model_copy(
            update={"mqtt_url": f"mqtt://127.0.0.1:{found.ports['mqtt'] if found else 1883}"}
        )
    try:
        count = asyncio.run(_republish(settings, database_url))
    except AWAY as error:
        typer.echo(f"youguan: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"{count} connectors published")


async def _republish(settings: Settings, database_url: str) -> int:
    async with await create_pool(database_url, patience_s=0) as pool:
        return await republish(pool, settings)
