"""Where something is that somebody tells of: a station knows its site."""

from dataclasses import replace

import asyncpg

from inspection_service.tasks.opening import Opening, subject_of
from inspection_service.tasks.rules import Rules
from youguan.bounds import site_of
from youguan.errors import Invalid, NotFound, Reason


async def place(connection: asyncpg.Connection, opening: Opening, rules: Rules) -> Opening:
    """Return an opening with its station's site and what it is about; NotFound for a station that no site lists.

    Invalid where the station is another site's. Of what does not join (`rules.toml`) two are never about the same.
    """
    site_id = opening.site_id
    if opening.station_id is not None:
        site_id = await site_of(connection, opening.station_id)
        if site_id is None:
            raise NotFound(Reason("station {station}", station=opening.station_id))
        if opening.site_id not in (None, site_id):
            reason = Reason("stands at another site than {site}", site=opening.site_id)
            raise Invalid.about("station_id", reason)
    joins = rules.cause(opening.cause).joins
    subject = subject_of(site_id, opening.station_id, opening.connector) if joins else ""
    return replace(opening, site_id=site_id, subject=subject)
