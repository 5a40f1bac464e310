"""Reaching an upstream: where it is, TLS, the handshake in the station's name."""

import asyncio
import ipaddress
import logging
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from picows import WSHandshakeError, WSListener, WSTransport, ws_connect

from ocpp_gateway.relay.handshake import Headers, Refused

socket_log = logging.getLogger("picows.client")  # a line for every connection that comes and goes: only warnings
socket_log.setLevel(logging.WARNING)

REACH_S = 10.0
# How long one address of several is tried: a dead member of a round, a broken IPv6. The last has what is left.
ADDRESS_S = 2.0
READ_BUFFER = 2048


class Unreachable(Exception):
    """There is no upstream there, or not one that we may speak to."""


class RefusedByUpstream(Exception):
    """The upstream does not let the station in."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(f"{refused.status} {refused.reason}")
        self.refused = refused


class Reach:
    """Connects to upstreams."""

    def __init__(
        self,
        authority: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        *,
        loopback: bool = False,
        largest_message: int,
    ) -> None:
        self._files = (authority, certificate, key)
        self._loopback = loopback
        self._largest_message = largest_message
        self._context = lru_cache(maxsize=256)(self._make_context)

    async def connect(
        self, url: str, headers: Headers, authority: str | None, leg: Callable[[], WSListener]
    ) -> tuple[WSTransport, WSListener]:
        """Return an open connection; Unreachable, RefusedByUpstream."""
        try:
            async with asyncio.timeout(REACH_S):
                return await self._connect(url, headers, authority, leg)
        except TimeoutError:
            raise Unreachable("no answer in time") from None
        except WSHandshakeError as error:
            raise _told(error) from None
        except (OSError, ValueError) as error:  # a name that cannot be resolved, a certificate that does not hold
            raise Unreachable(reason_of(error)) from None

    async def _connect(
        self, url: str, headers: Headers, authority: str | None, leg: Callable[[], WSListener]
    ) -> tuple[WSTransport, WSListener]:
        address = await self._resolve(url)
        parts = urlsplit(url)
        secure = parts.scheme == "wss"
        options: dict[str, Any] = {"server_hostname": parts.hostname} if secure else {}
        return await ws_connect(
            leg,
            url,
            ssl_context=self._context(authority) if secure else None,
            extra_headers=headers,
            max_redirects=0,
            enable_auto_pong=False,
            max_frame_size=self._largest_message,
            read_buffer_init_size=READ_BUFFER,
            websocket_handshake_timeout=REACH_S,
            socket_factory=lambda _: address,
            logger_name=socket_log,
            **options,
        )

    async def _resolve(self, url: str) -> Any:
        """Return a socket connected to the upstream, never to ourselves."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "wss" else 80)
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(parts.hostname, port, type=1)
        if not self._loopback and any(is_ours(str(place[0])) for *_, place in found):
            raise Unreachable("the address is this machine's own")
        return await open_first(found)

    def _make_context(self, authority: str | None) -> ssl.SSLContext:
        ca, certificate, key = self._files
        context = ssl.create_default_context(cafile=str(ca) if ca else None, cadata=authority)
        if certificate is not None:
            context.load_cert_chain(certificate, key)
        return context


async def open_first(found: Sequence[tuple[Any, ...]], within_s: float = ADDRESS_S) -> socket.socket:
    """Return a socket connected to the first of several addresses that answers; the OSError of the last where none does."""
    *others, last = found
    for family, kind, protocol, _, place in others:
        with suppress(OSError):  # a TimeoutError is one
            async with asyncio.timeout(within_s):
                return await _open(family, kind, protocol, place)
    family, kind, protocol, _, place = last
    return await _open(family, kind, protocol, place)


async def _open(family: int, kind: int, protocol: int, place: Any) -> socket.socket:
    opened = socket.socket(family, kind, protocol)
    opened.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(opened, place)
    except BaseException:
        opened.close()
        raise
    return opened


def _told(error: WSHandshakeError) -> Exception:
    """Return what an upstream's answer means that is no 101: a refusal that is passed on, or no answer of a WebSocket server."""
    response = error.response
    if response is None or response.status == HTTPStatus.SWITCHING_PROTOCOLS:
        return Unreachable("no WebSocket server answers there")
    headers = list(response.headers.items())
    return RefusedByUpstream(Refused(response.status.value, response.status.phrase, headers, error.raw_body or b""))


def reason_of(error: Exception) -> str:
    """Return in few words why an upstream cannot be reached."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not hold: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or 'failed'}"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(error, OSError) and error.errno is not None:
        return (os.strerror(error.errno) if error.errno > 0 else str(error)).lower()
    return str(error) or type(error).__name__


def is_ours(address: str) -> bool:
    """Say whether an address is one by which a machine speaks to itself or to its neighbours only."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return found.is_loopback or found.is_unspecified or found.is_link_local or found.is_multicast
