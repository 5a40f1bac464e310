"""Where the inspection service's migrations are."""

from pathlib import Path

from youguan.schemas import History

HISTORY = History("inspection", ("inspection",), Path(__file__).parent / "migrations")
