"""Where the registry's migrations are."""

from pathlib import Path

from charger_registry.model import METADATA
from youguan.database import History

HISTORY = History("registry", ("registry",), Path(__file__).parent / "migrations", METADATA)
