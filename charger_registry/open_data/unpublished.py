"""A site that is somebody's own, as it would be published: for those who have a right in it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg

from charger_registry.ledger.store import is_hidden
from charger_registry.open_data.published import (
    EvseDocument,
    EvseKey,
    PublishedEvse,
    PublishedSite,
    evse_condition,
    public_id,
)
from charger_registry.open_data.publishing import store
from charger_registry.public.store import read_stations
from youguan.auth import Scope
from youguan.events import NOT_FOR_THE_PUBLIC


async def read_unpublished(
    connection: asyncpg.Connection, scope: Scope, site_id: str, now: datetime
) -> PublishedSite | None:
    """Return what is filed of such a site, and what its stations said last; None where it is none, or not for these bounds."""
    documents = await store.filed_sites(connection, [site_id], now, withheld=())
    document = documents.get(site_id)
    if document is None or document.usage not in NOT_FOR_THE_PUBLIC or await is_hidden(connection, scope, site_id):
        return None
    evses = await store.filed_evses(connection, [site_id], now, withheld=())
    stations = {row["id"]: row for row in await read_stations(connection, site_id)}
    views = [_evse(key, document, stations[key[1]], now) for key, document in evses.items() if key[1] in stations]
    return PublishedSite(site_id, 0, public_id(site_id), document, now, views)


def _evse(key: EvseKey, document: EvseDocument, station: Mapping[str, Any], now: datetime) -> PublishedEvse:
    numbers = [connector.connector for connector in document.connectors]
    said = [told for told in station["told"] if told["connector"] in numbers]
    condition = evse_condition(
        station["state"] == "online",
        {str(told["connector"]): told["condition"] for told in said},
        numbers,
        closed=station["closed"],
    )
    since = max((datetime.fromisoformat(told["since"]) for told in said if told["since"]), default=None)
    return PublishedEvse(key[1], key[2], public_id(*key[1:]), document, condition, since, now, removed=False)
