"""Where the registry's migrations are."""

from pathlib import Path

from charger_registry.equipment import model as equipment
from charger_registry.model import METADATA
from youguan.database import History

# Its tables are in METADATA once it is imported.
MODELS = (equipment,)

HISTORY = History("registry", ("registry",), Path(__file__).parent / "migrations", METADATA)
