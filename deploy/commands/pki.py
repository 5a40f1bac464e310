"""`youguan pki`: the suite's own certificate authority, in the data folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer
from cryptography import x509
from cryptography.x509.oid import NameOID

from deploy.authority import FOLDER, SERVER_FILES, authority
from deploy.commands.data import DEFAULT_DATA, Data
from youguan.clock import SystemClock
from youguan.errors import Invalid, YouguanError
from youguan.pki import Issued, write_public, write_secret

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Certificates for the gateway and for stations, from an authority of our own.",
)


@app.command()
def init(
    name: Annotated[str, typer.Option(help="the authority's name")] = "Youguan stations", data: Data = DEFAULT_DATA
) -> None:
    """Make the authority: its key stays in the data folder, readable by nobody else."""
    made = authority(data)
    with _told():
        made.make(name, _now())
    typer.echo(f"{made.certificate_file}  (give it to stations as their central system root certificate)")


@app.command()
def server(
    names: Annotated[list[str], typer.Argument(help="the names and addresses by which stations reach the gateway")],
    use_rsa: Annotated[bool, typer.Option("--rsa", help="for stations that know no ECDSA; both may be there")] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Issue the gateway's certificate; a running gateway takes it in by itself."""
    with _told():
        issued = authority(data).server(names, _now(), use_rsa=use_rsa)
    _keep(data / FOLDER / SERVER_FILES[use_rsa], issued)


@app.command()
def station(
    station_id: Annotated[str, typer.Argument(metavar="ID")],
    out: Annotated[
        Path | None, typer.Option(help="folder to write to; default: pki/stations in the data folder")
    ] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Issue a station's certificate and key; its common name is the station's id."""
    with _told():
        issued = authority(data).station(station_id, _now())
    folder = out or data / FOLDER / "stations"
    folder.mkdir(parents=True, exist_ok=True)
    _keep(folder / f"{quote(station_id, safe='')}.pem", issued)


@app.command()
def revoke(
    serial: Annotated[str, typer.Argument(metavar="SERIAL", help="as `station` said it, hexadecimal")],
    data: Data = DEFAULT_DATA,
) -> None:
    """Let a certificate no longer hold; a connection that came in with it is closed."""
    made = authority(data)
    with _told():
        made.revoke(serial, _now())
    typer.echo(str(made.revoked_file))


@app.command()
def sign(
    request: Annotated[Path, typer.Argument(metavar="CSR", exists=True, dir_okay=False, help="PEM")],
    station_id: Annotated[
        str | None, typer.Option("--station", help="whose it must be; default: whose it says")
    ] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Sign a station's own request; the certificate is written beside it."""
    with _told():
        text = request.read_text(encoding="utf-8", errors="replace")  # DER is no PEM, and is said to be none
        issued = authority(data).sign(text, station_id or _name_in(text), _now())
    _keep(request.with_suffix(".pem"), issued)


def _name_in(request: str) -> str:
    try:
        subject = x509.load_pem_x509_csr(request.encode()).subject
    except ValueError:
        raise Invalid("no certificate request in PEM") from None
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1:
        raise Invalid("the request has no common name, or several")
    return str(names[0].value)


def _keep(file: Path, issued: Issued) -> None:
    if issued.key is not None:
        write_secret(file.with_suffix(".key"), issued.key)
        typer.echo(str(file.with_suffix(".key")))
    write_public(file, issued.certificate)
    typer.echo(f"{file}  serial {issued.serial}, until {issued.until:%Y-%m-%d}")


def _now() -> datetime:
    return SystemClock().now()


@contextmanager
def _told() -> Iterator[None]:
    """Say an error in one line and end with code 2."""
    try:
        yield
    except (YouguanError, OSError) as error:
        typer.echo(f"youguan: {error}", err=True)
        raise typer.Exit(2) from None
