"""Endpoints are analysed when they are first asked for, and then are as any other."""

from typing import Annotated

import httpx
from fastapi import FastAPI, Query

from youguan.web.routes import LateRoute, Router


async def test_only_the_endpoint_that_is_asked_for_is_analysed() -> None:
    router = Router("/room")

    @router.get("/double/{number}")
    async def double(number: int, times: Annotated[int, Query(ge=1)] = 2) -> int:
        return number * times

    @router.get("/other", status_code=204)
    async def other() -> None: ...

    app = FastAPI()
    app.router.routes += router.routes
    first, second = (route for route in app.routes if isinstance(route, LateRoute))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://suite.example") as client:
        assert (await client.get("/room/double/4")).json() == 8
        assert "dependant" in vars(first) and "dependant" not in vars(second)
        assert (await client.get("/room/double/four")).status_code == 422
        assert (await client.get("/room/double/4?times=0")).status_code == 422
        assert (await client.post("/room/double/4")).status_code == 405
        assert (await client.get("/room/none")).status_code == 404
        described = (await client.get("/openapi.json")).json()["paths"]
    assert list(described) == ["/room/double/{number}", "/room/other"]
    assert "204" in described["/room/other"]["get"]["responses"]
    assert app.url_path_for("double", number="4") == "/room/double/4"
