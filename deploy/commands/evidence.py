"""`youguan evidence`: checks an exported case on any machine, without a suite and without a database."""

from pathlib import Path
from typing import Annotated

import typer

from inspection_service.evidence.bundle import Verdict, verify

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def evidence() -> None:
    """Evidence of cases."""


@app.command("verify")
def verify_bundle(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="an exported case, a ZIP")],
    key: Annotated[str | None, typer.Option(help="the public key that the organ has published, in hexadecimal")] = None,
    root: Annotated[
        str | None, typer.Option(help="the root that was published for the day that the case names")
    ] = None,
) -> None:
    """Say whether every byte of an exported case is as it was; exit code 1 where it is not."""
    found = verify(file.read_bytes())
    faults = [*found.faults, *_unlike(found, key, root)]
    for fault in faults:
        typer.echo(f"{file.name}: {fault}", err=True)
    if faults:
        raise typer.Exit(1)
    typer.echo(f"{found.case}: {found.links} links, {found.files} files, everything holds")
    for place, holds in found.recordings.items():
        typer.echo(f"recording {place}: {REVIEWS[holds]}")
    typer.echo(f"signed with {found.key}" + ("" if key else " (compare it with the key that the organ has published)"))
    if found.day is None:
        typer.echo("no day's root yet: the case is younger than the last one published")
    else:
        typer.echo(
            f"in the root of {found.day}: {found.root}" + ("" if root else " (compare it with the one published)")
        )


REVIEWS = {
    True: "its content was reviewed: real, clear, whole and exact",
    False: "its content was reviewed and found wanting: no evidence",
    None: "nobody has reviewed its content: no evidence (Penalty Law Art. 41)",
}


def _unlike(found: Verdict, key: str | None, root: str | None) -> list[str]:
    """Return what differs from what was published elsewhere."""
    unlike = []
    if key is not None and found.key is not None and key.lower() != found.key:
        unlike.append("signed with another key")
    if root is not None and root.lower() != found.root:
        unlike.append("its root is not the one published")
    return unlike
