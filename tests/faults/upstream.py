"""An operator's central system that takes whatever its stations say, and the sites that are passed on to it."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import websockets

from tests.suite import Api, eventually


async def _take(connection: websockets.ServerConnection) -> None:
    async for frame in connection:
        kind, message_id, action, _ = json.loads(frame)
        if kind == 2:
            now = datetime.now(UTC).isoformat()
            accepted = {"currentTime": now, "interval": 900, "status": "Accepted"}
            await connection.send(json.dumps([3, message_id, accepted if action == "BootNotification" else {}]))


@asynccontextmanager
async def upstream_of(http_port: int, site_ids: Sequence[str]) -> AsyncIterator[None]:
    """Let sites be passed on to a central system of their own."""
    subprotocols = [websockets.Subprotocol("ocpp1.6")]
    async with websockets.serve(_take, "127.0.0.1", 0, subprotocols=subprotocols, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        api = Api(http_port)
        async with api.client:
            await api.log_in()
            for site_id in site_ids:
                wish = {"upstream_url": f"ws://127.0.0.1:{port}/csms", "reason": "test"}
                (await api.client.put(f"/api/registry/sites/{site_id}/relay", json=wish)).raise_for_status()

            async def known() -> bool:
                found = await api.items("/api/gateway/relay", limit="1000")
                return set(site_ids) <= {item["site_id"] for item in found}

            await eventually(known)
        yield
