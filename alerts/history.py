"""Where the alerts' migrations are."""

from pathlib import Path

from youguan.migration import History

HISTORY = History("alerts", ("alerts",), Path(__file__).parent / "migrations")
