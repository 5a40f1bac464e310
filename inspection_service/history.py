"""Where the inspection service's migrations are."""

from pathlib import Path

from inspection_service.model import METADATA
from youguan.database import History

HISTORY = History("inspection", ("inspection",), Path(__file__).parent / "migrations", METADATA)
