"""How available sites were, asked of the gateway over HTTP on behalf of whoever reads the report."""

import logging
from collections.abc import Awaitable, Mapping, Sequence
from datetime import date
from typing import TypeVar

from inspection_service.annual_report.desk import Observed
from inspection_service.annual_report.managed import Span
from inspection_service.asking import Neighbour, NotTold

WITHIN_S = 3.0
A_QUERY = 400  # spans, so that their address is not too long
T = TypeVar("T")
log = logging.getLogger(__name__)


class GatewayUptime:
    """Asks the gateway with the reader's own token."""

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        self._gateway = Neighbour(base_url, headers, WITHIN_S)

    async def of(self, first: date, after: date) -> list[Observed] | None:
        """Return the uptime of sites; None where the gateway does not tell it now: the report is made without it."""
        return await self._told(first, after, {"by": "site"})

    async def of_spans(self, spans: Sequence[Span]) -> list[tuple[Span, Observed]] | None:
        """Return the uptime of sites within spans of their own; None as above."""
        found: list[tuple[Span, Observed]] = []
        for some in (spans[n : n + A_QUERY] for n in range(0, len(spans), A_QUERY)):
            asked = {"span": [f"{span.site_id},{span.first},{span.after}" for span in some]}
            answer = await _or_none(self._gateway.get("/api/gateway/uptime/spans", asked))
            if answer is None:
                return None
            found += [(some[row["place"]], Observed.of(row)) for row in answer["items"]]
        return found

    async def of_site(self, site_id: str, first: date, after: date) -> list[Observed] | None:
        """Return the uptime of a site's connectors; None as above."""
        return await self._told(first, after, {"by": "connector", "site": site_id})

    async def _told(self, first: date, after: date, which: dict[str, str]) -> list[Observed] | None:
        period = {"from": first.isoformat(), "to": after.isoformat()}
        rows = await _or_none(self._gateway.items("/api/gateway/uptime", period | which))
        return None if rows is None else [Observed.of(row) for row in rows if row["site_id"] is not None]


async def _or_none(asked: Awaitable[T]) -> T | None:
    try:
        return await asked
    except NotTold as error:
        log.warning("the gateway does not tell uptime: %s", error)
        return None
