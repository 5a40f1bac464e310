"""The form on a station's page that sets its heartbeat interval."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from ocpp_gateway.heartbeats.api import LONGEST_S, SHORTEST_S
from ocpp_gateway.heartbeats.desk import IntervalDesk
from ocpp_gateway.heartbeats.policy import Scope
from ocpp_gateway.pages.place import address_of
from youguan.auth import REGULATOR, Principal
from youguan.errors import NotFound, Reason
from youguan.web.routes import Router
from youguan.web.security import remote_of, require_station


def heartbeat_pages(desk: IntervalDesk) -> APIRouter:
    """Return what takes the form."""
    router = Router(prefix="/gateway/stations")

    @router.post("/{station_id}/heartbeat")
    async def put(
        request: Request,
        station_id: str,
        who: Annotated[Principal, Depends(require_station(desk.pool, REGULATOR))],
        scope: Annotated[Scope, Form()],
        reason: Annotated[str, Form(min_length=1, max_length=500)],
        interval_s: Annotated[int | None, Form(ge=SHORTEST_S, le=LONGEST_S)] = None,
    ) -> Response:
        subject_id = station_id if scope == "station" else await desk.site_of(station_id)
        if subject_id is None:
            raise NotFound(Reason("a site of station {station_id}", station_id=station_id))
        await desk.set(who, scope, subject_id, interval_s, reason, remote_of(request))
        return RedirectResponse(address_of(station_id), 303)

    return router
