"""Where the alerts' migrations are."""

from pathlib import Path

from youguan.schemas import History

HISTORY = History("alerts", ("alerts",), Path(__file__).parent / "migrations")
