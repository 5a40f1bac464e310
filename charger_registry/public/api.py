"""The map's features as one file and as they change: /api/public."""

from collections.abc import AsyncIterator
from typing import Annotated

import orjson
from fastapi import FastAPI, Header, Request
from fastapi.responses import Response, StreamingResponse

from charger_registry.public.live import Picture
from youguan.web.application import api


def public_api(picture: Picture) -> FastAPI:
    """Return /api/public."""
    app = api("Youguan public data")

    @app.get("/sites.geojson")
    async def sites(request: Request, if_none_match: Annotated[str | None, Header()] = None) -> Response:
        """Return one feature a site, WGS-84, with the counts of its connectors."""
        rendered = picture.geojson()
        zipped = "gzip" in request.headers.get("accept-encoding", "")
        etag = rendered.zipped_etag if zipped else rendered.etag
        headers = {"ETag": etag, "Cache-Control": "public, max-age=1", "Vary": "Accept-Encoding"}
        if if_none_match is not None and etag in if_none_match:
            return Response(status_code=304, headers=headers)
        if zipped:
            headers["Content-Encoding"] = "gzip"
            return Response(rendered.zipped, headers=headers, media_type="application/geo+json")
        return Response(rendered.plain, headers=headers, media_type="application/geo+json")

    @app.get("/changes")
    async def changes(
        last_event_id: Annotated[int | None, Header()] = None, since: int | None = None
    ) -> StreamingResponse:
        """Send the features of sites as they change (server-sent events); the id is where to go on."""

        async def stream() -> AsyncIterator[bytes]:
            yield b"retry: 1000\n\n"
            async for version, features in picture.changes(last_event_id if last_event_id is not None else since):
                yield b"id: %d\ndata: %s\n\n" % (version, orjson.dumps(features)) if features else b": still here\n\n"

        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)

    return app
