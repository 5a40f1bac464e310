"""Where the alerts' migrations are."""

from pathlib import Path

from alerts.model import METADATA
from youguan.database import History

HISTORY = History("alerts", ("alerts",), Path(__file__).parent / "migrations", METADATA)
