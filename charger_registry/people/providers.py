"""Login with somebody else's word: OpenID Connect, or plain OAuth 2 with a userinfo address. Providers are configuration.

What is asked, and what an identity token must say, is Authlib's; the sockets are httpx's.
"""

import secrets
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote_plus, urlsplit

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from joserfc.jwt import decode
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from youguan.errors import Invalid, Reason, Unauthenticated, Unavailable
from youguan.web.security import is_loopback

ALGORITHMS = ["RS256", "ES256", "PS256", "Ed25519", "EdDSA"]  # none that a client's secret could make
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
WITHIN_S = 10.0
TOLERATED_S = 60
# How we show a provider that it is us who asks for a token. Who says nothing of it takes the first (OpenID Connect Discovery 3).
BASIC, POST = "client_secret_basic", "client_secret_post"
WAYS = "token_endpoint_auth_methods_supported"
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Provider(BaseModel):
    """Who vouches for people: by its `issuer` (OpenID Connect), or by three addresses (OAuth 2).

    `subject`: the member of the identity token, or of what the userinfo address answers, that names a person for ever.
    `strong`: it asks for a second factor itself; else whoever has set one up here is asked for it. `token_auth`: how the secret is
    shown for a token; None: as its configuration says, with addresses of its own in the form.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str
    client_id: str
    client_secret: str
    issuer: str | None = None
    authorize_url: str | None = None
    token_url: str | None = None
    userinfo_url: str | None = None
    scope: str = "openid"
    subject: str = "sub"
    strong: bool = False
    token_auth: Literal["client_secret_basic", "client_secret_post"] | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> "Provider":
        addresses = (self.authorize_url, self.token_url, self.userinfo_url)
        if (self.issuer is None) != all(addresses) or (self.issuer is not None and any(addresses)):
            raise ValueError("either issuer, or authorize_url, token_url and userinfo_url")
        for address in filter(None, (self.issuer, *addresses)):
            if not _is_safe(address):
                raise ValueError(f"{address}: not https")
        return self


def _is_safe(address: Any) -> bool:
    """Say whether nobody on the way reads what goes to an address."""
    try:
        parts = urlsplit(address) if isinstance(address, str) else urlsplit("")
    except ValueError:  # no address at all
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def read_providers(file: Path | None) -> Sequence[Provider]:
    """Read the providers of a TOML file (`[[provider]]`); Invalid names what is wrong."""
    if file is None:
        return ()
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
        return TypeAdapter(list[Provider]).validate_python(document.get("provider", []))
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise Invalid(Reason("{file}: {error}", file=file, error=error)) from None


@dataclass(frozen=True, slots=True)
class Errand:
    """What a browser that is sent to a provider must bring back; `link_for`: whose account is to be linked, None: a login."""

    provider: str
    state: str
    nonce: str
    verifier: str
    next: str
    link_for: str | None


def new_errand(provider: str, next: str, link_for: str | None) -> Errand:
    """Return a new errand."""
    made = [secrets.token_urlsafe(32) for _ in range(3)]
    return Errand(provider, made[0], made[1], made[2], next, link_for)


class ProviderClient:
    """Speaks with the providers; what one answers wrongly is a login that failed, never a guess."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self.providers: Mapping[str, Provider] = {provider.id: provider for provider in providers}

    async def address(self, errand: Errand, redirect_uri: str) -> str:
        """Return where a browser is sent."""
        provider = self.providers[errand.provider]
        async with _client() as client:
            where = (await self._about(client, provider))["authorization_endpoint"]
        address: str = prepare_grant_uri(
            where, provider.client_id, "code", redirect_uri, provider.scope, errand.state, nonce=errand.nonce,
            code_challenge=create_s256_code_challenge(errand.verifier), code_challenge_method="S256",
        )  # fmt: skip
        return address

    async def subject(self, errand: Errand, code: str, redirect_uri: str, now: datetime) -> str:
        """Return whom a provider says a code stands for; Unauthenticated, Unavailable."""
        provider = self.providers[errand.provider]
        async with _client() as client:
            about = await self._about(client, provider)
            shown, auth = _identified(provider, about)
            form = prepare_token_request(
                "authorization_code", redirect_uri=redirect_uri, code=code, code_verifier=errand.verifier, **shown
            )
            tokens = await _json(client, "POST", about["token_endpoint"], content=form, headers=FORM, auth=auth)
            if provider.issuer is not None:
                keys = await _json(client, "GET", about["jwks_uri"])
                claims = identity_of(provider, tokens, keys, errand.nonce, now)
            else:
                bearer = {"Authorization": f"Bearer {tokens.get('access_token', '')}"}
                claims = await _json(client, "GET", about["userinfo_endpoint"], headers=bearer)
        found = claims.get(provider.subject)
        if not isinstance(found, str | int) or isinstance(found, bool) or found == "":
            raise Unauthenticated(Reason("{id} does not say who it is", id=provider.id))
        return str(found)

    async def _about(self, client: httpx.AsyncClient, provider: Provider) -> Mapping[str, Any]:
        if provider.issuer is None:
            return {
                "authorization_endpoint": provider.authorize_url, "token_endpoint": provider.token_url,
                "userinfo_endpoint": provider.userinfo_url, WAYS: [POST],
            }  # fmt: skip
        about = await _json(client, "GET", f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration")
        if about.get("issuer") != provider.issuer:
            raise Unavailable(Reason("{id}: the configuration there is another issuer's", id=provider.id))
        if wrong := [name for name in ENDPOINTS if not _is_safe(about.get(name))]:
            raise Unavailable(Reason("{id}: the configuration there has no safe {name}", id=provider.id, name=wrong[0]))
        return about


def _identified(provider: Provider, about: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, str] | None]:
    """Return by which members of the form, or by which HTTP Basic login, a provider knows that it is us (RFC 6749, 2.3.1)."""
    ways = about.get(WAYS)
    way = provider.token_auth or (POST if isinstance(ways, list) and BASIC not in ways else BASIC)
    if way == POST:
        return {"client_id": provider.client_id, "client_secret": provider.client_secret}, None
    return {}, (quote_plus(provider.client_id), quote_plus(provider.client_secret))


def identity_of(
    provider: Provider, tokens: Mapping[str, Any], keys: Mapping[str, Any], nonce: str, now: datetime
) -> Mapping[str, Any]:
    """Return the claims of an identity token that this provider has made for us, for this very login; Unauthenticated."""
    wanted = {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.client_id},
    }
    about = {"nonce": nonce, "client_id": provider.client_id, "access_token": tokens.get("access_token")}
    registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    try:
        signed = decode(
            str(tokens.get("id_token", "")), KeySet.import_key_set({"keys": keys["keys"]}), registry=registry
        )
        claims = CodeIDToken(signed.claims, signed.header, wanted, about)
        claims.validate(int(now.timestamp()), TOLERATED_S)
    except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
        said = Reason("{id}: the identity token does not hold ({reason})", id=provider.id, reason=_reason(error))
        raise Unauthenticated(said) from None
    return dict(claims)


def _reason(error: Exception) -> str:
    return error.error if isinstance(error, JoseError) else type(error).__name__


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=WITHIN_S, follow_redirects=False)


async def _json(client: httpx.AsyncClient, method: str, address: str, **request: Any) -> Mapping[str, Any]:
    """Return what an address answers; Unavailable where it cannot be reached, Unauthenticated where it refuses."""
    headers = {"Accept": "application/json", **request.pop("headers", {})}
    try:
        answer = await client.request(method, address, headers=headers, **request)
        document = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Unavailable(Reason("the login provider cannot be reached: {kind}", kind=type(error).__name__)) from None
    if not answer.is_success or not isinstance(document, dict):
        raise Unauthenticated(Reason("the login provider refuses ({status_code})", status_code=answer.status_code))
    return document
