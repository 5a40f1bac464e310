"""The `youguan` command."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from charger_registry.imports.desk import Outcome, import_sites
from deploy import annual, divisions, draw, embedded, evidence, people, pki, status, trail
from deploy import up as suite
from deploy.refusals import refusals_told
from deploy.status_command import DEFAULT_DATA, Data, show_status
from deploy.suite import HISTORIES
from ocpp_gateway.mqtt.mapping import read_mapping
from ocpp_gateway.mqtt.outbound import republish
from ocpp_gateway.mqtt.reading import read
from ocpp_gateway.observation import MeterSampled, SensorRead, StatusReported
from youguan.clock import SystemClock
from youguan.database import AWAY, connect, create_pool, migrate
from youguan.errors import YouguanError
from youguan.settings import Settings

ROOT = Path(__file__).resolve().parent.parent

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Youguan 有管: someone is in charge.",
)
mqtt = typer.Typer(no_args_is_help=True, help="What comes and goes over MQTT.")
app.add_typer(mqtt, name="mqtt")
imports = typer.Typer(no_args_is_help=True, help="Bring data of your own in.")
app.add_typer(imports, name="import")
app.add_typer(pki.app, name="pki")
app.add_typer(people.app, name="person")
app.add_typer(divisions.app, name="divisions")
app.add_typer(evidence.app, name="evidence")
app.add_typer(trail.app, name="audit")
app.add_typer(draw.app, name="draw")
app.command("status")(show_status)
app.command("report")(annual.report)
app.command("test-data")(annual.test_data)

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command()
def up(
    data: Data = DEFAULT_DATA,
    demo: Annotated[bool, typer.Option("--demo", help="a sample county and a simulated fleet")] = False,
    sites: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, readable=True, help="with --demo: sites of this CSV instead of the sample's"
        ),
    ] = None,
    crs: Annotated[str, typer.Option(help="the CSV's coordinates: gcj02, wgs84, cgcs2000, bd09")] = "wgs84",
    stations: Annotated[int, typer.Option(min=0, help="with --demo: simulated stations")] = 300,
    http_port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one")] = 8000,
    ocpp_port: Annotated[int, typer.Option(min=0, max=65535)] = 9000,
    ocpp_tls_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="OCPP over TLS too; certificates by `youguan pki` or settings")
    ] = None,
    mqtt_port: Annotated[int, typer.Option(min=0, max=65535)] = 1883,
    ykc_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="chargers that speak 云快充 over TCP; without it none do")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="gateway processes")] = 3,
) -> None:
    """Run the whole suite on this machine until Ctrl-C."""
    if sites is not None and not demo:
        raise typer.BadParameter("--sites goes with --demo; to add sites to a suite use `import sites`")
    options = suite.Options(
        data,
        demo,
        sites,
        crs,
        stations,
        http_port,
        ocpp_port,
        mqtt_port,
        workers,
        ocpp_tls_port=ocpp_tls_port,
        ykc_port=ykc_port,
    )
    raise typer.Exit(suite.up(options))


@app.command("migrate")
def migrate_all() -> None:
    """Bring every schema of YOUGUAN_DATABASE_URL to its newest revision."""
    asyncio.run(migrate(Settings(), HISTORIES))


@imports.command("sites")
def import_sites_command(
    file: Annotated[
        Path,
        typer.Argument(help="CSV, Excel (.xlsx), GeoJSON, OCPI locations, T/CEC 102 station info or Open Charge Map"),
    ],
    crs: Annotated[
        str | None, typer.Option(help="its coordinates: gcj02, wgs84, cgcs2000, bd09; default: as its format has them")
    ] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Add the sites of a file to a running suite; nothing is invented, nothing is doubled."""
    with refusals_told():
        outcome = asyncio.run(_import(file, crs, people.database_of(data)))
    if outcome.format == "csv" and (outcome.encoding, outcome.delimiter) != ("UTF-8", ","):
        typer.echo(f"{file.name}: {outcome.encoding}, cells between {SEPARATORS[outcome.delimiter]}", err=True)
    for row in outcome.refused:
        typer.echo(f"{file.name}:{row.row}: {row.field}: {row.reason}", err=True)
    if outcome.ignored_columns:
        typer.echo(f"columns not used: {', '.join(outcome.ignored_columns)}", err=True)
    counts = f"{outcome.added} added, {outcome.changed} changed, {outcome.unchanged} unchanged"
    typer.echo(f"{counts}, {len(outcome.refused)} refused")
    raise typer.Exit(1 if outcome.refused else 0)


async def _import(file: Path, crs: str | None, database_url: str) -> Outcome:
    connection = await connect(database_url)
    try:
        return await import_sites(connection, file, crs, SystemClock().now())
    finally:
        await connection.close()


@mqtt.command("try")
def try_mapping(
    mapping: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="a mapping such as topics.toml")],
    topic: Annotated[str | None, typer.Argument(help="where it came by; else the input is `TOPIC MESSAGE`")] = None,
) -> None:
    """Show what a message on standard input becomes; exit code 1 where anything of it is refused, 2 for a bad mapping."""
    message = sys.stdin.buffer.read()
    if topic is None:  # as `mosquitto_sub -v` prints it
        first, _, message = message.partition(b" ")
        topic = first.decode(errors="replace")
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


@mqtt.command("republish")
def republish_command(data: Data = DEFAULT_DATA) -> None:
    """Publish every connector's status once more, for a broker that lost its data."""
    found = status.read(data)
    settings = Settings()
    if settings.mqtt_url is None:
        settings = settings.model_copy(
            update={"mqtt_url": f"mqtt://127.0.0.1:{found.ports['mqtt'] if found else 1883}"}
        )
    try:
        count = asyncio.run(_republish(settings, data))
    except AWAY as error:
        typer.echo(f"youguan: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"{count} connectors published")


async def _republish(settings: Settings, data: Path) -> int:
    dsn = os.environ.get("YOUGUAN_DATABASE_URL") or embedded.cluster(data).dsn()
    async with await create_pool(dsn, patience_s=0) as pool:
        return await republish(pool, settings)


@app.command()
def simulate(
    stations: Annotated[int, typer.Option(min=1)] = 50,
    faults_per_hour: Annotated[float, typer.Option(min=0)] = 0.2,
    url: Annotated[str | None, typer.Option(help="ws://host:port/ocpp; default: the suite on --data")] = None,
    http: Annotated[str | None, typer.Option(help="where the registry lists the stations")] = None,
    seed: int = 1,
    data: Data = DEFAULT_DATA,
) -> None:
    """Connect a simulated fleet by hand."""
    found = status.read(data)
    ports = found.ports if found else {"http": 8000, "ocpp": 9000}
    url = url or f"ws://127.0.0.1:{ports['ocpp']}/ocpp"
    http = http or f"http://127.0.0.1:{ports['http']}"
    options = [f"--url={url}", f"--http={http}", f"--stations={stations}", f"--seed={seed}"]
    _become("deploy.demo.fleet", *options, f"--faults-per-hour={faults_per_hour}")


@app.command(context_settings=PASSED_ON)
def test(context: typer.Context) -> None:
    """Run every check: ruff, mypy, import-linter, pytest on every core (arguments go to pytest, which then runs in one process)."""
    binaries = Path(sys.executable).parent
    checks = [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"], ["lint-imports"]]
    for check in [] if context.args else checks:
        typer.echo(f"== {' '.join(check)}", err=True)
        done = subprocess.run([str(binaries / check[0]), *check[1:]], cwd=ROOT, check=False)
        if done.returncode:
            raise typer.Exit(done.returncode)
    os.chdir(ROOT)
    processes = (os.cpu_count() or 1) * 3 // 2  # they wait for sockets and clocks as often as they work
    _become("pytest", *(context.args or ["-n", str(processes), "--dist", "loadfile"]))


@app.command(context_settings=PASSED_ON)
def bench(context: typer.Context) -> None:
    """Measure acknowledged messages a second and their latency, next to the stock way."""
    os.chdir(ROOT)
    _become("tests.bench", *context.args)


@app.command(context_settings=PASSED_ON)
def screenshots(context: typer.Context) -> None:
    """Take the pictures of the README and the docs into docs/img; needs Chromium."""
    os.chdir(ROOT)
    _become("tests.browser.screenshots", *context.args)


@app.command(context_settings=PASSED_ON)
def fuzz(context: typer.Context) -> None:
    """Throw made-up frames at the OCPP conversation for --seconds (60), and stop at the first that breaks something."""
    os.chdir(ROOT)
    _become("tests.fuzz", *context.args)


@app.command(context_settings=PASSED_ON)
def faults(context: typer.Context) -> None:
    """Kill parts of a suite at random under load for --seconds (60), and hold what was acknowledged against what is stored."""
    os.chdir(ROOT)
    _become("tests.faults", *context.args)


@app.command()
def doctor() -> None:
    """Say what was found on this machine."""
    typer.echo(f"python      {sys.version.split()[0]}")
    typer.echo(f"mosquitto   {embedded.mosquitto() or 'not found: amqtt is used'}")
    typer.echo(f"chromium    {shutil.which('chromium') or 'not found: browser tests are skipped'}")
    typer.echo(f"database    {os.environ.get('YOUGUAN_DATABASE_URL', 'our own PostgreSQL')}")
    for name, found in status.versions().items():
        typer.echo(f"{name:<11} {found}")


def _become(module: str, *arguments: str) -> None:
    """Run a module in this very process, so that signals reach it."""
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606


if __name__ == "__main__":
    app()
