"""How available sites were, asked of the gateway over HTTP on behalf of whoever reads the report."""

import logging
from datetime import date

import httpx

from inspection_service.annual_report.desk import SiteUptime

WITHIN_S = 3.0
log = logging.getLogger(__name__)


class GatewayUptime:
    """Asks the gateway's API with the reader's own token, so that his bounds hold."""

    def __init__(self, base_url: str, headers: dict[str, str]) -> None:
        self._base_url = base_url
        self._headers = headers

    async def of(self, first: date, after: date) -> list[SiteUptime] | None:
        """Return the uptime of sites; None where the gateway cannot be asked now: the report is made without it."""
        query = {"from": first.isoformat(), "to": after.isoformat(), "by": "site"}
        try:
            async with httpx.AsyncClient(base_url=self._base_url, timeout=WITHIN_S, trust_env=False) as client:
                answer = await client.get("/api/gateway/uptime", params=query, headers=self._headers)
                answer.raise_for_status()
        except httpx.HTTPError as error:
            log.warning("the gateway was not asked for uptime: %s", error)
            return None
        return [SiteUptime.of(row) for row in answer.json() if row["site_id"] is not None]
