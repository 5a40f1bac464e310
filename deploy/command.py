"""Where the `youguan` command begins: Ctrl-C ends it without a word, also while everything else is still being loaded."""

import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)


def app() -> None:
    """Run the command; `status` without loading all of the others."""
    if sys.argv[1:2] == ["status"]:
        from deploy.status_command import app as status  # noqa: PLC0415

        status(sys.argv[2:], prog_name="youguan status")
    else:
        from deploy.cli import app as every  # noqa: PLC0415

        every()


if __name__ == "__main__":
    app()
