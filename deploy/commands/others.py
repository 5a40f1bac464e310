"""The commands that become another program: the simulated fleet, the checks and the measurements."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from deploy import status
from deploy.commands.data import DEFAULT_DATA, ROOT, Data

BINARIES = Path(sys.executable).parent
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

app = typer.Typer(add_completion=False)


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
    os.chdir(ROOT)
    if context.args:
        _become("pytest", *context.args)
    if _checked("ruff", "check", ".") or _checked("ruff", "format", "--check", "."):
        raise typer.Exit(1)
    processes = (os.cpu_count() or 1) * 3 // 2  # they wait for sockets and clocks as often as they work
    tests = subprocess.Popen([sys.executable, "-m", "pytest", "-n", str(processes), "--dist", "loadfile"])
    wrong = _checked("mypy") or _checked("lint-imports")  # beside the tests, which begin on one core
    raise typer.Exit(tests.wait() or wrong)


def _checked(*command: str) -> int:
    """Run a check and return its exit code; what it says is shown at once, since it may say it among other things."""
    done = subprocess.run([str(BINARIES / command[0]), *command[1:]], capture_output=True, text=True, check=False)
    typer.echo(f"== {' '.join(command)}\n{done.stdout}{done.stderr}", err=True)
    return done.returncode


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


def _become(module: str, *arguments: str) -> None:
    """Run a module in this very process, so that signals reach it."""
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606
