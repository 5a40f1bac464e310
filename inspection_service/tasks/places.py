"""Where something is that somebody tells of: a station knows its site."""

from dataclasses import replace

import asyncpg

from inspection_service.tasks.opening import Opening, subject_of
from inspection_service.tasks.rules import Rules
from youguan.bounds import site_of
from youguan.errors import Invalid, NotFound, Reason


async def place(connection: asyncpg.Connection, opening: Opening, rules: Rules) -> Opening:
    """Return an opening with its station's site and what it is about; errors as `site_told`.

    Of what does not join (`rules.toml`) two are never about the same.
    """
    site_id = await site_told(connection, opening.site_id, opening.station_id)
    joins = rules.cause(opening.cause).joins
    subject = subject_of(site_id, opening.station_id, opening.connector) if joins else ""
    return replace(opening, site_id=site_id, subject=subject)


async def site_told(connection: asyncpg.Connection, site_id: str | None, station_id: str | None) -> str | None:
    """Return which site is meant; NotFound for a station that no site lists, Invalid where it is another site's."""
    if station_id is None:
        return site_id
    found = await site_of(connection, station_id)
    if found is None:
        raise NotFound(Reason("station {station}", station=station_id))
    if site_id not in (None, found):
        raise Invalid.about("station_id", Reason("stands at another site than {site}", site=site_id))
    return found
