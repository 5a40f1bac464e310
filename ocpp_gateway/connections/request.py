"""The request a station opens its connection with: which station, what it offers, what it shows."""

from typing import Any
from urllib.parse import unquote, urlsplit

from picows import WSUpgradeRequest
from picows.picows import _parse_http_request  # type: ignore[attr-defined]  # not in its stubs

from ocpp_gateway.connections import tls
from ocpp_gateway.stations.admission import Arrival, password_in
from youguan.station_ids import can_connect

PREFIX = "/ocpp/"


def station_in(path: bytes) -> str | None:
    """Return the station id in a request's path, percent-decoded; None where there is none that could be stored."""
    text = urlsplit(path.decode("latin-1")).path
    if not text.startswith(PREFIX):
        return None
    try:
        station_id = unquote(text.removeprefix(PREFIX), errors="strict")
    except UnicodeDecodeError:
        return None
    return station_id if can_connect(station_id) else None


def read_request(head: bytes) -> WSUpgradeRequest | None:
    """Return a request as picows reads it; None where it would refuse it."""
    try:
        request: WSUpgradeRequest = _parse_http_request(head)
    except RuntimeError:
        return None
    return request


def asks_for_websocket(request: WSUpgradeRequest) -> bool:
    """Say whether a request asks for what RFC 6455 describes: what picows would refuse without a word to us."""
    headers = request.headers
    connection = [word.strip().lower() for word in headers.get("connection", "").split(",")]
    return (
        "upgrade" in connection
        and headers.get("upgrade", "").lower() == "websocket"
        and headers.get("sec-websocket-version") == "13"
        and "sec-websocket-key" in headers
    )


def offered(request: WSUpgradeRequest) -> list[str]:
    """Return the subprotocols that the client offers, in its order."""
    headers = request.headers.getall("sec-websocket-protocol", [])
    return [name.strip() for header in headers for name in header.split(",") if name.strip()]


def arrival_of(station_id: str, request: WSUpgradeRequest, transport: Any) -> Arrival:
    """Return who comes, from where, and what is shown."""
    peer = transport.get_extra_info("peername")
    return Arrival(
        station_id,
        peer[0] if peer else "",
        transport.get_extra_info("ssl_object") is not None,
        password_in(request.headers.get("authorization"), station_id),
        tls.certificate_of(transport.get_extra_info("peercert")),
    )
