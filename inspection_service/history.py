"""Where the inspection service's migrations are."""

from pathlib import Path

from inspection_service.cases import model as cases
from inspection_service.exchange import model as exchange
from inspection_service.file_review import model as file_review
from inspection_service.inspections import model as inspections
from inspection_service.model import METADATA
from inspection_service.public_reports import model as public_reports
from inspection_service.publication import model as publication
from inspection_service.tasks import model as tasks
from youguan.database import History

# Its tables are in METADATA once it is imported.
MODELS = (cases, exchange, file_review, inspections, public_reports, publication, tasks)

HISTORY = History("inspection", ("inspection",), Path(__file__).parent / "migrations", METADATA)
