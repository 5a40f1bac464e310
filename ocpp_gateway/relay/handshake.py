"""The handshake that is passed on: what of the station's request the upstream sees, and of its answer the station. Pure."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

PREFIX = b"/ocpp/"
# What concerns one connection, not who speaks over it; extensions too, since frames are passed on as we read them.
OF_ONE_CONNECTION = frozenset({
    "connection", "content-length", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
    "sec-websocket-accept", "sec-websocket-extensions", "sec-websocket-key", "sec-websocket-version", "te", "trailer",
    "transfer-encoding", "upgrade", "via",
})  # fmt: skip
LONGEST_BODY = 64 * 1024
VIA = "Via"

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Refused:
    """The upstream's answer to a handshake, where it is no."""

    status: int
    reason: str
    headers: Headers
    body: bytes = b""

    def answer(self) -> bytes:
        """Return the answer that the station gets."""
        body = self.body[:LONGEST_BODY]
        lines = [f"HTTP/1.1 {self.status} {self.reason}"]
        lines += [f"{name}: {value}" for name, value in passed_on(self.headers)]
        lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


def refusal(status: HTTPStatus, text: str, headers: Iterable[tuple[str, str]] = ()) -> Refused:
    """Return a refusal of our own."""
    return Refused(status, status.phrase, [("Content-Type", "text/plain; charset=utf-8"), *headers], text.encode())


def passed_on(headers: Iterable[tuple[str, str]]) -> Headers:
    """Return the headers that are the other side's to see."""
    return [(name, value) for name, value in headers if name.lower() not in OF_ONE_CONNECTION]


def asked_of_upstream(headers: Iterable[tuple[str, str]], us: str) -> Headers:
    """Return the headers of our request to the upstream: the station's own, and that it comes through us."""
    headers = list(headers)
    on_the_way = [value for name, value in headers if name.lower() == "via"]
    return [*passed_on(headers), (VIA, ", ".join([*on_the_way, f"1.1 {us}"]))]


def went_round(headers: Iterable[tuple[str, str]], us: str) -> bool:
    """Say whether a request has been through us before: then its upstream is, by some way, ourselves."""
    return any(us in value for name, value in headers if name.lower() == "via")


def address_of(upstream_url: str, path: bytes) -> str:
    """Return where a station is passed on to: the site's address, then the station's id just as it was written."""
    station, _, query = path.removeprefix(PREFIX).partition(b"?")
    parts = urlsplit(upstream_url)
    joined = "&".join(part for part in (parts.query, query.decode("latin-1")) if part)
    station_id = station.decode("latin-1").replace(";", "%3B")  # which some take for the beginning of parameters
    place = f"{parts.path.rstrip('/')}/{station_id}"
    return urlunsplit(parts._replace(path=place, query=joined))


def identity_of(secret: str) -> str:
    """Return by what name this suite knows itself in Via; it gives nothing of the secret away."""
    return f"youguan-{hashlib.sha256(secret.encode()).hexdigest()[:16]}"
