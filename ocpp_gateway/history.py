"""Where the gateway's migrations are."""

from pathlib import Path

from youguan.schemas import History

HISTORY = History("gateway", ("gateway", "telemetry"), Path(__file__).parent / "migrations")
