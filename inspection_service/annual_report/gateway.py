"""How available sites were, asked of the gateway over HTTP on behalf of whoever reads the report."""

import logging
from collections.abc import Mapping
from datetime import date

from inspection_service.annual_report.desk import SiteUptime
from inspection_service.asking import Neighbour, NotTold

WITHIN_S = 3.0
log = logging.getLogger(__name__)


class GatewayUptime:
    """Asks the gateway with the reader's own token."""

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        self._gateway = Neighbour(base_url, headers, WITHIN_S)

    async def of(self, first: date, after: date) -> list[SiteUptime] | None:
        """Return the uptime of sites; None where the gateway does not tell it now: the report is made without it."""
        query = {"from": first.isoformat(), "to": after.isoformat(), "by": "site"}
        try:
            rows = await self._gateway.items("/api/gateway/uptime", query)
        except NotTold as error:
            log.warning("the gateway does not tell uptime: %s", error)
            return None
        return [SiteUptime.of(row) for row in rows if row["site_id"] is not None]
