"""A login provider on a real socket: OpenID Connect with PKCE, and an OAuth 2 userinfo address. It lets in whom it is told to."""

import asyncio
import base64
import hashlib
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode

import jwt
import orjson
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from youguan.clock import Clock, SystemClock
from youguan.web.serve import Server

CLIENT, SECRET = "youguan", "a secret of the tests, as long as a MAC needs it"


@dataclass
class LoginProvider:
    """Somebody is logged in there as `who`; `claims` overwrites members of what it says about him."""

    issuer: str
    clock: Clock = field(default_factory=SystemClock)
    who: str = "u-1"
    claims: dict[str, Any] = field(default_factory=dict)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    signing_key: rsa.RSAPrivateKey | str | None = None
    algorithm: str = "RS256"
    header: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    configured: dict[str, Any] = field(default_factory=dict)  # overwrites members of its configuration
    shown: list[str] = field(default_factory=list)  # how it was shown the secret

    def application(self) -> FastAPI:
        app = FastAPI()
        app.get("/.well-known/openid-configuration", response_model=None)(self.configuration)
        app.get("/keys", response_model=None)(self.keys)
        app.get("/authorize", response_model=None)(self.authorize)
        app.post("/token", response_model=None)(self.token)
        app.get("/userinfo", response_model=None)(self.userinfo)
        return app

    async def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
            **self.configured,
        }  # fmt: skip

    async def keys(self) -> dict[str, Any]:
        public = orjson.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        unknown = {"kty": "AKP", "kid": "two", "alg": "ML-DSA-44", "pub": "AA"}
        return {"keys": [unknown, {**public, "kid": "one", "alg": "RS256", "use": "sig"}]}

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}", 303)

    async def token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = (
            base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        )
        right = asked is not None and (self._secret(request, form), form["redirect_uri"], challenge) == (
            SECRET, asked["redirect_uri"], asked["code_challenge"],
        )  # fmt: skip
        if not right or asked is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        access = secrets.token_urlsafe(8)
        self.tokens[access] = self.who
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "sub": self.who, "nonce": asked["nonce"], "iat": now, "exp": now + 300,
            **self.claims,
        }  # fmt: skip
        if claims.get("at_hash") == "":
            claims["at_hash"] = half_hash(access)
        key = "" if self.algorithm == "none" else self.signing_key or self.key
        signed = jwt.encode(claims, key, algorithm=self.algorithm, headers={"kid": "one", **self.header})
        return JSONResponse({"access_token": access, "token_type": "Bearer", "id_token": signed})

    def _secret(self, request: Request, form: dict[str, str]) -> str:
        """Return the secret that a client shows, in one way and no other."""
        kind, _, login = request.headers.get("authorization", "").partition(" ")
        self.shown.append("client_secret_basic" if kind == "Basic" else "client_secret_post")
        if kind != "Basic":
            return form["client_secret"]
        assert "client_secret" not in form
        name, _, secret = base64.b64decode(login).decode().partition(":")
        return unquote_plus(secret) if name == CLIENT else ""

    async def userinfo(self, request: Request) -> Response:
        who = self.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        return JSONResponse({"accountId": who} if who else {"error": "invalid_token"}, 200 if who else 401)


def half_hash(token: str) -> str:
    """Return what OpenID Connect Core 3.1.3.6 calls at_hash."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()[:16]).decode().rstrip("=")


@asynccontextmanager
async def login_provider() -> AsyncIterator[LoginProvider]:
    """Run a provider on a free port of this machine."""
    listening = socket.create_server(("127.0.0.1", 0))
    provider = LoginProvider(f"http://127.0.0.1:{listening.getsockname()[1]}")
    config = uvicorn.Config(provider.application(), lifespan="off", ws="none", log_level="warning")
    server, stop = Server(config), asyncio.Event()
    running = asyncio.gather(server.serve([listening]), server.end_with(stop))
    try:
        yield provider
    finally:
        stop.set()
        await running
