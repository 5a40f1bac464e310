"""`youguan up`: the whole suite on this machine; `youguan migrate`: only its schemas, for whoever runs the parts by himself."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from deploy import up as suite
from deploy.commands.data import DEFAULT_DATA, Data
from deploy.histories import HISTORIES
from youguan.schemas import migrate
from youguan.settings import Settings

app = typer.Typer(add_completion=False)


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
    ftp_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="files of stations that know only FTP; without it none")
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
        ftp_port=ftp_port,
    )
    raise typer.Exit(suite.up(options))


@app.command("migrate")
def migrate_all() -> None:
    """Bring every schema of YOUGUAN_DATABASE_URL to its newest revision."""
    asyncio.run(migrate(Settings(), HISTORIES))
