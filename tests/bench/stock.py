"""The stock way: `websockets`, the `ocpp` package's ChargePoint, one INSERT a message. `python -m tests.bench.stock DSN PORT`."""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Any

import asyncpg
import uvloop
import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.enums import Action


class Station(ChargePoint):  # type: ignore[misc]
    """Stores each message with one INSERT before it answers."""

    pool: asyncpg.Pool

    @on(Action.status_notification)  # type: ignore[untyped-decorator]
    async def status(self, connector_id: int, error_code: str, status: str, **rest: Any) -> Any:
        await self.pool.execute(
            "INSERT INTO public.stock_status VALUES ($1, $2, $3, $4)", self.id, connector_id, status, NOW
        )
        return call_result.StatusNotification()

    @on(Action.meter_values)  # type: ignore[untyped-decorator]
    async def meter(self, connector_id: int, meter_value: list[dict[str, Any]], **rest: Any) -> Any:
        values = [float(sample["value"]) for part in meter_value for sample in part["sampled_value"]]
        await self.pool.execute(
            "INSERT INTO public.stock_meter VALUES ($1, $2, $3, $4)", self.id, connector_id, values, NOW
        )
        return call_result.MeterValues()


NOW = datetime.now(UTC)


async def main(dsn: str, port: int) -> None:
    async with asyncpg.create_pool(dsn, min_size=10, max_size=10) as pool:
        await pool.execute(
            "CREATE TABLE public.stock_status (station text, connector int, status text, at timestamptz)"
        )
        await pool.execute(
            "CREATE TABLE public.stock_meter (station text, connector int, values float8[], at timestamptz)"
        )
        Station.pool = pool

        async def serve(socket: Any) -> None:
            await Station(socket.request.path.rsplit("/", 1)[1], socket).start()

        async with websockets.serve(
            serve,
            "127.0.0.1",
            port,
            subprotocols=[websockets.Subprotocol("ocpp1.6")],
            compression=None,
            ping_interval=None,
        ):
            await asyncio.Future()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
