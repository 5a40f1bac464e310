"""May this connection speak for this station? A decision of what was shown, what is known, and how much there is. Pure.

Security profiles: 0 nothing shown (only from an open network), 1 a password, 2 a password over TLS, 3 a certificate.
"""

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

from youguan.station_keys import digest, same

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
NEVER_RIGHT = b""
IPV6_SOURCE_BITS = 64  # whoever has one address of IPv6 has 2^64 of them

Keys = Mapping[str, datetime | None]
"""The keys of a station: digest → until when it holds (None: open)."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A client's certificate that our authority has signed and that is within its time."""

    names: frozenset[str]
    serial: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who comes, from where, and what is shown; `password` None: none."""

    station_id: str
    address: str
    secure: bool = False
    password: bytes | None = None
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of the station and its source; `keys` None: it never had any. `elsewhere`: another judges what is shown."""

    filed: bool
    keys: Keys | None
    connections: int = 0
    connections_of_source: int = 0
    too_many_tries: bool = False
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say."""

    open_networks: tuple[Network, ...] = ()
    lowest_profile: int = 1
    secret: str | None = None
    onboarding_secret: str | None = None
    welcomes_unfiled: bool = False
    connections: int = 50_000
    connections_per_source: int = 2_000
    revoked: frozenset[int] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Admitted:
    """It may, by a profile, on the strength of a key or a certificate."""

    profile: int
    digest: str | None = None
    serial: int | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """It may not; `wrong`: what was shown was wrong, so the try counts."""

    status: HTTPStatus
    reason: str
    wrong: bool = False


Verdict = Admitted | Rejected


def decide(arrival: Arrival, situation: Situation, rules: Rules, now: datetime) -> Verdict:
    """Judge what is shown first, so that whoever shows what is right is never kept out by others' wrong tries."""
    verdict = _unjudged(arrival, situation) if situation.elsewhere else _judge(arrival, situation, rules, now)
    if isinstance(verdict, Rejected):
        if verdict.wrong and situation.too_many_tries:
            return Rejected(HTTPStatus.TOO_MANY_REQUESTS, "too many tries", wrong=True)
        return verdict
    is_open = in_networks(arrival.address, rules.open_networks)
    if not is_open and not situation.elsewhere and verdict.profile < rules.lowest_profile:
        return Rejected(HTTPStatus.UNAUTHORIZED, "profile")
    if situation.connections >= rules.connections:
        return Rejected(HTTPStatus.SERVICE_UNAVAILABLE, "full")
    if not is_open and situation.connections_of_source >= rules.connections_per_source:
        return Rejected(HTTPStatus.TOO_MANY_REQUESTS, "source full")
    return verdict


def _judge(arrival: Arrival, situation: Situation, rules: Rules, now: datetime) -> Verdict:
    if arrival.certificate is not None:
        return _by_certificate(arrival.station_id, arrival.certificate, rules)
    if arrival.password is not None:
        verdict = _by_password(arrival, arrival.password, situation, rules, now)
        if verdict is not None:
            return verdict
    if not in_networks(arrival.address, rules.open_networks):
        return Rejected(HTTPStatus.UNAUTHORIZED, "credentials", wrong=True)
    if not (situation.filed or rules.welcomes_unfiled):
        return Rejected(HTTPStatus.UNAUTHORIZED, "not filed", wrong=True)
    return Admitted(0)


def _unjudged(arrival: Arrival, situation: Situation) -> Verdict:
    """Leave it to another to judge what is shown; whoever has tried too often is not passed on to that other."""
    if situation.too_many_tries:
        return Rejected(HTTPStatus.TOO_MANY_REQUESTS, "too many tries", wrong=True)
    if arrival.certificate is not None:
        return Admitted(3, serial=arrival.certificate.serial)
    return Admitted(0 if arrival.password is None else 2 if arrival.secure else 1)


def _by_certificate(station_id: str, certificate: Certificate, rules: Rules) -> Verdict:
    if certificate.serial in rules.revoked:
        return Rejected(HTTPStatus.UNAUTHORIZED, "certificate revoked", wrong=True)
    if station_id not in certificate.names:
        return Rejected(HTTPStatus.UNAUTHORIZED, "certificate of another", wrong=True)
    return Admitted(3, serial=certificate.serial)


def _by_password(
    arrival: Arrival, password: bytes, situation: Situation, rules: Rules, now: datetime
) -> Verdict | None:
    """Judge a password; None: the station has no key that it could be, so it says nothing in an open network."""
    profile = 2 if arrival.secure else 1
    if rules.secret is not None and situation.keys:
        shown = digest(rules.secret, arrival.station_id, password)
        if shown in holding(situation.keys, now):
            return Admitted(profile, digest=shown)
    if not situation.filed and _is_onboarding(password, rules):
        return Admitted(profile)
    if situation.keys is None:
        return None
    return Rejected(HTTPStatus.UNAUTHORIZED, "password", wrong=True)


def _is_onboarding(password: bytes, rules: Rules) -> bool:
    return rules.onboarding_secret is not None and hmac.compare_digest(password, rules.onboarding_secret.encode())


def holding(keys: Keys, now: datetime) -> "Holding":
    """Return the keys that hold now."""
    return Holding([known for known, until in keys.items() if until is None or now < until])


@dataclass(frozen=True, slots=True)
class Holding:
    """Keys that hold; looking for one among them takes as long whichever it is."""

    digests: list[str]

    def __contains__(self, shown: str) -> bool:
        return sum([same(known, shown) for known in self.digests]) > 0

    def __len__(self) -> int:
        return len(self.digests)


def password_in(header: str | None, station_id: str) -> bytes | None:
    """Return the password of a Basic authorization; None without one, one that is never right where it is unreadable.

    The name must be the station's id. Both may hold colons, and a password any bytes.
    """
    if header is None:
        return None
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return NEVER_RIGHT
    try:
        shown = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return NEVER_RIGHT
    name = station_id.encode() + b":"
    return shown.removeprefix(name) if shown.startswith(name) else NEVER_RIGHT


def in_networks(address: str, networks: tuple[Network, ...]) -> bool:
    """Say whether an address lies in one of the networks."""
    found = _address(address)
    return found is not None and any(found in network for network in networks)


def source_of(address: str) -> str:
    """Return what connections and tries are counted by: the address, of IPv6 its network."""
    found = _address(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, IPV6_SOURCE_BITS), strict=False))
    return str(found) if found else address


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
