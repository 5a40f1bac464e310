"""What may be the address of an operator's central system. Pure."""

import ipaddress
from collections.abc import Set as AbstractSet
from urllib.parse import urlsplit

from youguan.errors import Invalid, Reason

LONGEST = 500
FIELD = "upstream_url"
PORTS = {"ws": 80, "wss": 443}
Place = tuple[str, int]
"""(host in small letters, port)."""


def check(url: str, ours: AbstractSet[Place], *, loopback: bool) -> None:
    """Raise Invalid where an address is none, holds a secret, or is a place of ours; `loopback`: this machine may be named."""
    reason = _wrong(url, ours, loopback)
    if reason is not None:
        raise Invalid.about(FIELD, reason)


def _wrong(url: str, ours: AbstractSet[Place], loopback: bool) -> str | None:
    if len(url) > LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        return Reason("not an address of at most {most} letters without spaces", most=LONGEST)
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
        host = parts.hostname
    except ValueError as error:
        return Reason("not an address: {error}", error=str(error))
    if parts.scheme not in PORTS:
        return "must begin with ws:// or wss://"
    if not host:
        return "names no host"
    if parts.username is not None or parts.password is not None:
        return "must hold no name and no password: stations show their own"
    if parts.fragment or "#" in url:
        return "must hold no fragment"
    if (host, port) in ours:
        return "is this suite itself"
    if not loopback and is_here(host):
        return "is the machine that would connect to it"
    return None


def is_here(host: str) -> bool:
    """Say whether a host, as it is written, is one by which a machine speaks to itself."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_unspecified or address.is_link_local or address.is_multicast
