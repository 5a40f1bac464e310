"""Who is asking: signed tokens that every service verifies without a call, and what each role may do.

The registry issues (`TokenIssuer`); the kernel verifies (`TokenVerifier`). Ed25519, so whoever verifies cannot issue.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from youguan.errors import Unauthenticated

ALGORITHM = "EdDSA"
ISSUER = "youguan"

REGULATOR, INSPECTOR, OPERATOR, REVIEWER = "regulator", "inspector", "operator", "reviewer"
ROLES = (REGULATOR, INSPECTOR, OPERATOR, REVIEWER)
OFFICIALS = (REGULATOR, INSPECTOR, REVIEWER)


@dataclass(frozen=True, slots=True)
class Scope:
    """Within which bounds somebody sees and acts: everything, divisions (codes' prefixes), an organisation's; else nothing."""

    everything: bool = False
    divisions: tuple[str, ...] = ()
    organisation_id: str | None = None

    @property
    def parameters(self) -> tuple[bool, list[str], str | None]:
        """Return what statements take for it, in this order."""
        return self.everything, list(self.divisions), self.organisation_id

    def covers(self, division_code: str | None, organisation_id: str | None) -> bool:
        """Say whether what lies in a division and is an organisation's lies within these bounds."""
        if self.everything:
            return True
        in_division = division_code is not None and division_code.startswith(self.divisions)
        return in_division or (self.organisation_id is not None and self.organisation_id == organisation_id)


NOTHING, EVERYTHING = Scope(), Scope(everything=True)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, and within which bounds: an operator's organisation, an official's division (a code's prefix).

    An inspector without a division of his own has those of his team. `level`: up to which a reviewer reviews, 1 to 4.
    `acting_for`: whose roles and bounds these are, where it is somebody else who acts. `administrator`: manages the people of
    his organisation. `scopes`: what a machine's key is for; None for a person.
    """

    subject: str
    name: str
    roles: frozenset[str]
    organisation_id: str | None
    division: str | None
    token_id: str
    csrf: str
    issued_at: datetime
    team_id: str | None = None
    team_divisions: tuple[str, ...] = ()
    level: int | None = None
    acting_for: str | None = None
    administrator: bool = False
    scopes: frozenset[str] | None = None

    def has(self, *roles: str) -> bool:
        """Say whether any of the roles is theirs."""
        return not self.roles.isdisjoint(roles)

    @property
    def scope(self) -> Scope:
        """Return the bounds that the roles give; an official of no division, and of no team, is the whole county's."""
        divisions = self._divisions()
        if divisions is None:
            return EVERYTHING
        return Scope(divisions=divisions, organisation_id=self.organisation_id if self.has(OPERATOR) else None)

    def _divisions(self) -> tuple[str, ...] | None:
        """Return the divisions of an official; None: he is bounded by none."""
        if not self.has(*OFFICIALS):
            return ()
        if self.division is not None:
            return (self.division,)
        return None if self.has(REGULATOR, REVIEWER) or self.team_id is None else self.team_divisions


class TokenIssuer:
    """Signs tokens."""

    def __init__(self, private_key: str, lifetime: timedelta) -> None:
        self._key = private_key
        self._lifetime = lifetime

    def issue(
        self,
        *,
        subject: str,
        name: str,
        roles: frozenset[str],
        organisation_id: str | None,
        division: str | None,
        now: datetime,
        team_id: str | None = None,
        team_divisions: Sequence[str] = (),
        level: int | None = None,
        acting_for: str | None = None,
        administrator: bool = False,
        token_id: str | None = None,
        lifetime: timedelta | None = None,
    ) -> str:
        """Return a token for one login."""
        claims = {
            "iss": ISSUER,
            "sub": subject,
            "name": name,
            "roles": sorted(roles),
            "org": organisation_id,
            "div": division,
            "team": team_id,
            "divs": list(team_divisions),
            "level": level,
            "for": acting_for,
            "adm": administrator,
            "jti": token_id or secrets.token_urlsafe(12),
            "csrf": secrets.token_urlsafe(18),
            "iat": now.timestamp(),
            "exp": now + min(lifetime or self._lifetime, self._lifetime),
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)


class TokenVerifier:
    """Reads tokens, and remembers those that were revoked for as long as they could still hold."""

    def __init__(self, public_key: str | None, lifetime: timedelta = timedelta(hours=12)) -> None:
        self.lifetime = lifetime
        self._key = public_key
        self._revoked_tokens: dict[str, datetime] = {}
        self._revoked_subjects: dict[str, datetime] = {}

    @property
    def remembered(self) -> int:
        """Return how many revocations are remembered."""
        return len(self._revoked_tokens) + len(self._revoked_subjects)

    def revoke(self, subject: str, token_id: str | None, at: datetime) -> None:
        """Let one token, or everything issued to a subject before `at`, no longer hold."""
        if token_id is not None:
            self._revoked_tokens[token_id] = at
        else:
            self._revoked_subjects[subject] = max(at, self._revoked_subjects.get(subject, at))

    def forget(self, now: datetime) -> None:
        """Forget revocations of tokens that have expired meanwhile."""
        oldest = now - self.lifetime
        self._revoked_tokens = {token: at for token, at in self._revoked_tokens.items() if at > oldest}
        self._revoked_subjects = {subject: at for subject, at in self._revoked_subjects.items() if at > oldest}

    def verify(self, token: str) -> Principal:
        """Return who holds the token; Unauthenticated where it does not hold."""
        if self._key is None:
            raise Unauthenticated("no key to verify tokens with is configured")
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                options={"require": ["exp", "iat", "sub", "jti"]},
            )
        except jwt.PyJWTError:
            raise Unauthenticated("the token does not hold (any more)") from None
        principal = _principal(claims)
        if self._is_revoked(principal):
            raise Unauthenticated("the token was revoked")
        return principal

    def _is_revoked(self, principal: Principal) -> bool:
        if principal.token_id in self._revoked_tokens:
            return True
        ends = [self._revoked_subjects.get(subject) for subject in (principal.subject, principal.acting_for) if subject]
        return any(before is not None and principal.issued_at < before for before in ends)


def _principal(claims: dict[str, object]) -> Principal:
    issued = claims["iat"]
    roles, divisions, level = claims.get("roles"), claims.get("divs", []), claims.get("level")
    assert isinstance(issued, int | float)
    assert isinstance(roles, list)
    assert isinstance(divisions, list)
    assert level is None or isinstance(level, int)
    return Principal(
        subject=str(claims["sub"]),
        name=str(claims.get("name", "")),
        roles=frozenset(map(str, roles)),
        organisation_id=_text(claims.get("org")),
        division=_text(claims.get("div")),
        token_id=str(claims["jti"]),
        csrf=str(claims.get("csrf", "")),
        issued_at=datetime.fromtimestamp(issued, tz=UTC),
        team_id=_text(claims.get("team")),
        team_divisions=tuple(map(str, divisions)),
        level=level,
        acting_for=_text(claims.get("for")),
        administrator=claims.get("adm") is True,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def generate_keys() -> tuple[str, str]:
    """Return a new (private, public) pair of Ed25519 keys as PEM."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()
