"""How a notice goes out: as a webhook, as a group robot's message, or as an e-mail."""

import asyncio
import re
import smtplib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from youguan.errors import Invalid, Reason

WITHIN_S = 10.0
EMAIL = "email"
LONGEST_ADDRESS = 500
MAILBOX = re.compile(r"[^@\s<>,;:\"]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


class Undelivered(Exception):
    """A notice was not taken; the text says why. It is tried again."""


@dataclass(frozen=True, slots=True)
class Message:
    """What goes out. `id` stays the same when it is tried again, so that who gets it twice can tell."""

    id: str
    text: str
    link: str
    event: Mapping[str, Any]


def _robot(message: Message) -> dict[str, Any]:
    return {"msgtype": "text", "text": {"content": f"{message.text}\n{message.link}"}}


# What each kind of address is sent, as its makers document it; `webhook` is ours.
BODIES: Mapping[str, Callable[[Message], dict[str, Any]]] = {
    "webhook": lambda m: {"id": m.id, "text": m.text, "link": m.link, **m.event},
    "wecom": _robot,
    "dingtalk": _robot,
    "feishu": lambda m: {"msg_type": "text", "content": {"text": f"{m.text}\n{m.link}"}},
}
KINDS = (*BODIES, EMAIL)
# Where robots answer 200 and say in the body that they have not taken it.
OUTCOMES = ("errcode", "code", "StatusCode")


@dataclass(frozen=True, slots=True)
class Post:
    """Where notices may go: origins such as `https://host`, and a mail server by URL with who sends."""

    origins: tuple[str, ...]
    smtp_url: str | None
    sender: str

    def check(self, kind: str, address: str) -> None:
        """Refuse an address to which nothing may, or can, be sent; Invalid."""
        if kind not in KINDS:
            raise Invalid.about("kind", Reason("must be one of {known}", known=", ".join(KINDS)))
        if kind == EMAIL:
            if self.smtp_url is None:
                raise Invalid.about("kind", "no mail server is set up here (YOUGUAN_SMTP_URL)")
            if len(address) > LONGEST_ADDRESS or not MAILBOX.fullmatch(address):
                raise Invalid.about("address", "is no e-mail address")
            return
        if len(address) > LONGEST_ADDRESS or origin_of(address) not in self.origins:
            raise Invalid.about(
                "address", Reason("must begin with one of: {origins}", origins=", ".join(self.origins) or "-")
            )

    async def send(self, client: httpx.AsyncClient, kind: str, address: str, message: Message) -> None:
        """Send one; Undelivered."""
        try:
            self.check(kind, address)  # what is set up may have changed since
        except Invalid as error:
            raise Undelivered(error.detail) from None
        if kind == EMAIL:
            await asyncio.to_thread(self._mail, address, message)
        else:
            await _post(client, address, BODIES[kind](message), message.id)

    def _mail(self, address: str, message: Message) -> None:
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = message.text.split("\n", 1)[0], self.sender, address
        mail["Message-ID"] = f"<{message.id}@youguan>"
        mail.set_content(f"{message.text}\n{message.link}\n")
        try:
            with _server(self.smtp_url or "") as server:
                server.send_message(mail)
        except (OSError, smtplib.SMTPException) as error:
            raise Undelivered(str(error) or repr(error)) from None


def origin_of(address: str) -> str:
    """Return scheme, host and port of an address; of one that hides a login in it nothing."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return "" if "@" in parts.netloc else f"{parts.scheme}://{parts.netloc}".lower()


def shown(kind: str, address: str) -> str:
    """Return an address without what lets others write to it."""
    return address if kind == EMAIL else f"{origin_of(address)}/…{address[-4:]}"


def _server(url: str) -> smtplib.SMTP:
    """Return a mail server of `smtp://` (STARTTLS where it offers that) or `smtps://`, logged in where the URL says as whom."""
    parts = urlsplit(url)
    host, context = parts.hostname or "", ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=WITHIN_S, context=context)
    else:
        server = smtplib.SMTP(host, parts.port or 25, timeout=WITHIN_S)
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=context)
    if parts.username:
        server.login(unquote(parts.username), unquote(parts.password or ""))
    return server


async def _post(client: httpx.AsyncClient, address: str, body: dict[str, Any], message_id: str) -> None:
    try:
        answer = await client.post(address, json=body, headers={"X-Youguan-Notice": message_id})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Undelivered(repr(error)) from None
    if not answer.is_success:
        raise Undelivered(f"HTTP {answer.status_code}")
    try:
        said = answer.json()
    except ValueError:
        return  # nothing that it would have said is ours to read
    if isinstance(said, dict) and (refused := next((said[name] for name in OUTCOMES if said.get(name)), None)):
        raise Undelivered(f"{refused}: {said.get('errmsg') or said.get('msg') or ''}")


def http_client() -> httpx.AsyncClient:
    """Return the client that notices go out by: no proxy of the environment, no way elsewhere."""
    return httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=WITHIN_S)
