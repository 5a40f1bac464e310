"""Where the registry's migrations are."""

from pathlib import Path

from charger_registry.divisions import model as divisions
from charger_registry.equipment import model as equipment
from charger_registry.filing import model as filing
from charger_registry.imports import model as imports
from charger_registry.model import METADATA
from charger_registry.open_data import model as open_data
from charger_registry.people import model as people
from charger_registry.relay import model as relay
from youguan.database import History

# Their tables are in METADATA once they are imported.
MODELS = (divisions, equipment, filing, imports, open_data, people, relay)

HISTORY = History("registry", ("registry",), Path(__file__).parent / "migrations", METADATA)
