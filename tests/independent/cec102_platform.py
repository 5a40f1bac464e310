"""An operator's platform, and a province's, written from the standard's description alone: no module of ours is used here."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

CHINA = timezone(timedelta(hours=8))


@dataclass
class Party:
    """One direction's secrets, and the arithmetic of the envelope."""

    operator_id: str = "395815801"
    operator_secret: str = "1234567890abcdef"
    data_secret: str = "1234567890abcdef"
    data_secret_iv: str = "1234567890abcdef"
    sig_secret: str = "1234567890abcdef"
    _second: str = ""
    _count: int = 0

    def encrypt(self, text: bytes) -> str:
        gap = 16 - len(text) % 16
        cipher = Cipher(algorithms.AES(self.data_secret.encode()), modes.CBC(self.data_secret_iv.encode())).encryptor()
        return base64.b64encode(cipher.update(text + bytes([gap]) * gap) + cipher.finalize()).decode()

    def decrypt(self, data: str) -> bytes:
        cipher = Cipher(algorithms.AES(self.data_secret.encode()), modes.CBC(self.data_secret_iv.encode())).decryptor()
        plain = cipher.update(base64.b64decode(data)) + cipher.finalize()
        return plain[: -plain[-1]]

    def sign(self, *parts: str) -> str:
        return hmac.new(self.sig_secret.encode(), "".join(parts).encode(), hashlib.md5).hexdigest().upper()

    def seal(self, content: Any, at: datetime | None = None) -> dict[str, Any]:
        """Return a request's envelope; `content` as JSON, or bytes as they are."""
        stamp = (at or datetime.now(CHINA)).astimezone(CHINA).strftime("%Y%m%d%H%M%S")
        self._count = self._count + 1 if stamp == self._second else 1
        self._second = stamp
        seq = f"{self._count:04d}"
        data = self.encrypt(content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode())
        signature = self.sign(self.operator_id, data, stamp, seq)
        return {"OperatorID": self.operator_id, "Data": data, "TimeStamp": stamp, "Seq": seq, "Sig": signature}

    def open(self, answer: dict[str, Any]) -> Any:
        """Return what an answer carries, after its signature was checked; busy before it is known who asks, nobody can sign."""
        if answer["Ret"] == -1 and not answer["Sig"]:
            return {}
        assert self.sign(str(answer["Ret"]), answer["Msg"], answer["Data"]) == answer["Sig"], answer
        return json.loads(self.decrypt(answer["Data"]))


class Platform:
    """An operator's platform that reports."""

    def __init__(self, address: str, party: Party | None = None, base_path: str = "/evcs/v1") -> None:
        self.party = party or Party()
        self.token = ""
        self._base = address.rstrip("/") + base_path
        self._client = httpx.AsyncClient(trust_env=False, timeout=60)

    async def close(self) -> None:
        await self._client.aclose()

    async def post(self, message: str, body: Any, token: str | None = None) -> dict[str, Any]:
        """Send an envelope, or bytes as they are, and return the answer's."""
        shown = self.token if token is None else token
        headers = {"Authorization": f"Bearer {shown}"} if shown else {}
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers["Content-Type"] = "application/json;charset=utf-8"
        answer = await self._client.post(f"{self._base}/{message}", content=sent, headers=headers)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        found: dict[str, Any] = answer.json()
        return found

    async def log_in(self) -> dict[str, Any]:
        content = {"OperatorID": self.party.operator_id, "OperatorSecret": self.party.operator_secret}
        said: dict[str, Any] = self.party.open(await self.post("query_token", self.party.seal(content), ""))
        self.token = said["AccessToken"]
        return said

    async def say(self, message: str, content: Any) -> tuple[int, Any]:
        """Send a message; return Ret and what the answer carries."""
        answer = await self.post(message, self.party.seal(content))
        return answer["Ret"], self.party.open(answer)


@dataclass
class Served:
    """What a `Serving` platform was told: each message's name, what it carried, and when."""

    messages: list[tuple[str, Any]] = field(default_factory=list)


class Serving:
    """A platform that is asked and told things over HTTP: a province's, or an operator's that answers queries.

    `answers`: message → what is answered for what it carries: a business object, a whole number that is the Ret, or None: then the
    connection is cut. `mood` may take over before that: it returns raw bytes to be sent instead.
    """

    def __init__(self, answers: dict[str, Callable[[Any], Any]], party: Party | None = None) -> None:
        self.party = party or Party()
        self.answers = answers
        self.served = Served()
        self.mood: Callable[[str], bytes | None] = lambda message: None
        self.cut = False  # whether every connection is cut
        self.tokens = 0
        platform = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                message = self.path.rpartition("/")[2]
                sent = platform.mood(message)
                if sent is None:
                    said = platform.answer(message, json.loads(body), self.headers["Authorization"])
                    if said is None or platform.cut:
                        self.close_connection = True
                        return
                    sent = json.dumps(said).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, message: str, envelope: dict[str, Any], authorization: str | None) -> dict[str, Any] | None:
        party = self.party
        expected = party.sign(*(envelope[name] for name in ("OperatorID", "Data", "TimeStamp", "Seq")))
        if expected != envelope["Sig"]:
            return self._answered(4001, {})
        content = json.loads(party.decrypt(envelope["Data"]))
        if message == "query_token":
            self.tokens += 1
            right = content["OperatorSecret"] == party.operator_secret
            said = {"OperatorID": party.operator_id, "SuccStat": int(not right), "FailReason": 0 if right else 2}
            return self._answered(
                0, {**said, "AccessToken": f"token-{self.tokens}" if right else "", "TokenAvailableTime": 7200}
            )
        if authorization != f"Bearer token-{self.tokens}":
            return self._answered(4002, {})
        self.served.messages.append((message, content))
        given = self.answers[message](content)
        if given is None:
            return None
        return self._answered(given, {}) if isinstance(given, int) else self._answered(0, given)

    def _answered(self, ret: int, content: Any) -> dict[str, Any]:
        data = self.party.encrypt(json.dumps(content).encode())
        return {"Ret": ret, "Msg": "", "Data": data, "Sig": self.party.sign(str(ret), "", data)}
