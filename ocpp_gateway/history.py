"""Where the gateway's migrations are."""

from pathlib import Path

from ocpp_gateway.cec102.model import Platform
from youguan.database import History

HISTORY = History("gateway", ("gateway", "telemetry"), Path(__file__).parent / "migrations", Platform.metadata)
