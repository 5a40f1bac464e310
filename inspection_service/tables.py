"""All tables of the inspection service, as its migrations must add up to; no running process needs them."""

from inspection_service.cases import model as cases
from inspection_service.exchange import model as exchange
from inspection_service.file_review import model as file_review
from inspection_service.inspections import model as inspections
from inspection_service.model import METADATA
from inspection_service.monitoring import model as monitoring
from inspection_service.notices import model as notices
from inspection_service.papers import model as papers
from inspection_service.public_reports import model as public_reports
from inspection_service.publication import model as publication
from inspection_service.tasks import model as tasks

__all__ = ["METADATA", "MODELS"]

# Their tables are in METADATA once they are imported.
MODELS = (cases, exchange, file_review, inspections, monitoring, notices, papers, public_reports, publication, tasks)
