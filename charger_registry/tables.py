"""All tables of the registry, as its migrations must add up to; no running process needs them."""

from charger_registry.divisions import model as divisions
from charger_registry.equipment import model as equipment
from charger_registry.filing import model as filing
from charger_registry.imports import model as imports
from charger_registry.model import METADATA
from charger_registry.open_data import model as open_data
from charger_registry.people import model as people
from charger_registry.relay import model as relay

__all__ = ["METADATA", "MODELS"]

# Their tables are in METADATA once they are imported.
MODELS = (divisions, equipment, filing, imports, open_data, people, relay)
