"""Where the `youguan` command begins: Ctrl-C ends it without a word, also while everything else is still being loaded."""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)

from deploy.cli import app  # noqa: E402

if __name__ == "__main__":
    app()
