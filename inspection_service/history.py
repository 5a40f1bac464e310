"""Where the inspection service's migrations are."""

from pathlib import Path

from inspection_service.cases import model as cases
from inspection_service.inspections import model as inspections
from inspection_service.model import METADATA
from inspection_service.public_reports import model as public_reports
from inspection_service.tasks import model as tasks
from youguan.database import History

# Its tables are in METADATA once it is imported.
MODELS = (cases, inspections, public_reports, tasks)

HISTORY = History("inspection", ("inspection",), Path(__file__).parent / "migrations", METADATA)
