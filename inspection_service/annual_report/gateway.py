"""How available sites were, asked of the gateway over HTTP on behalf of whoever reads the report."""

import logging
from collections.abc import Mapping
from datetime import date

from inspection_service.annual_report.desk import Observed
from inspection_service.asking import Neighbour, NotTold

WITHIN_S = 3.0
log = logging.getLogger(__name__)


class GatewayUptime:
    """Asks the gateway with the reader's own token."""

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        self._gateway = Neighbour(base_url, headers, WITHIN_S)

    async def of(self, first: date, after: date) -> list[Observed] | None:
        """Return the uptime of sites; None where the gateway does not tell it now: the report is made without it."""
        return await self._told(first, after, {"by": "site"})

    async def of_site(self, site_id: str, first: date, after: date) -> list[Observed] | None:
        """Return the uptime of a site's connectors; None as above."""
        return await self._told(first, after, {"by": "connector", "site": site_id})

    async def _told(self, first: date, after: date, which: dict[str, str]) -> list[Observed] | None:
        period = {"from": first.isoformat(), "to": after.isoformat()}
        try:
            rows = await self._gateway.items("/api/gateway/uptime", period | which)
        except NotTold as error:
            log.warning("the gateway does not tell uptime: %s", error)
            return None
        return [Observed.of(row) for row in rows if row["site_id"] is not None]
