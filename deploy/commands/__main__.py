"""Where the `youguan` command begins: Ctrl-C ends it without a word, also while what it needs is still being loaded."""

import signal
from importlib import import_module
from typing import Any

signal.signal(signal.SIGINT, signal.SIG_DFL)

import typer  # noqa: E402
from typer.core import TyperGroup  # noqa: E402
from typer.main import get_command  # noqa: E402

# In the order of the help. A word loads only its own file: `status` is asked ten times a second by scripts, and the parts
# of a suite are started by this command while the machine has better things to do.
FILES = {
    "up": "up",
    "status": "status",
    "doctor": "doctor",
    "migrate": "up",
    "import": "imports",
    "divisions": "divisions",
    "person": "person",
    "pki": "pki",
    "mqtt": "mqtt",
    "audit": "audit",
    "evidence": "evidence",
    "draw": "draw",
    "report": "annual",
    "test-data": "annual",
    "simulate": "others",
    "screenshots": "others",
    "test": "others",
    "bench": "others",
    "fuzz": "others",
    "faults": "others",
}


class Words(TyperGroup):
    """The words of the command, each loaded when it is said; the types of their contexts are typer's own affair."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(FILES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in FILES:
            return None
        found = get_command(import_module(f"deploy.commands.{FILES[cmd_name]}").app)
        if isinstance(found, TyperGroup) and cmd_name in found.commands:
            return found.commands[cmd_name]  # a file with several words
        found.name = cmd_name
        return found


app = typer.Typer(
    cls=Words,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def youguan() -> None:
    """Youguan 有管: someone is in charge."""


if __name__ == "__main__":
    app(prog_name="youguan")
