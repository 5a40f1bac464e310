"""Where the registry's migrations are."""

from pathlib import Path

from youguan.schemas import History

HISTORY = History("registry", ("registry",), Path(__file__).parent / "migrations")
