"""docs/interfaces.md names every address of every service, and none that there is not."""

import re
from collections.abc import Iterator
from contextlib import AsyncExitStack

from deploy.suite import COMPOSES
from tests.suite import ROOT
from youguan.auth import generate_keys
from youguan.clock import SystemClock
from youguan.settings import Settings

TOKEN = re.compile(r"`(?:(?P<methods>[A-Z/]+) )?(?P<path>[/…][^`?]*)[^`]*`")


def expand(path: str, before: str) -> str:
    """Return what `…/x` stands for after another address: that up to its own `x`, else all but its last word; a name is added."""
    if not path.startswith("…"):
        return path
    first = path.split("/")[1]
    words = before.split("/")
    if first in words:
        words = words[: words.index(first)]
    elif not first.startswith("{"):
        words = words[:-1]
    return "/".join(words) + path.removeprefix("…")


def told(document: str) -> Iterator[str]:
    """Yield every method and address of the table of a document."""
    for row in document.splitlines():
        if row.startswith(("| `", "| MQTT")):
            methods, before = "GET", ""
            for token in TOKEN.finditer(row.split(" | ")[0]):
                if not before and token["path"].startswith("…"):
                    break
                methods, before = token["methods"] or methods, expand(token["path"], before)
                yield from (f"{method} {unnamed(before)}" for method in methods.split("/"))


def unnamed(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_what_an_abbreviation_stands_for() -> None:
    row = "| `GET/PUT /a/b/{id}/c?x=`, `…/{n}`, `POST …/c/d`, `…/e`, `DELETE …/{id}` | who | `GET /not/this` |"
    assert list(told(row)) == [
        "GET /a/b/{}/c", "PUT /a/b/{}/c", "GET /a/b/{}/c/{}", "PUT /a/b/{}/c/{}", "POST /a/b/{}/c/d", "POST /a/b/{}/c/e",
        "DELETE /a/b/{}",
    ]  # fmt: skip


async def test_every_address_is_in_the_document(database_url: str) -> None:
    private, public = generate_keys()
    settings = Settings(
        database_url=database_url, role_secret=None, token_private_key=private, token_public_key=public, demo=True
    )
    served = set()
    async with AsyncExitStack() as stack:
        for compose in COMPOSES:
            parts = await stack.enter_async_context(compose(settings, SystemClock()))
            for base, api in parts.apis.items():
                for path, methods in api.openapi()["paths"].items():
                    served |= {f"{method.upper()} {unnamed(base + path)}" for method in methods}
    document = (ROOT / "docs/interfaces.md").read_text()
    named = {address for address in told(document) if address.split()[1].startswith(("/api/", "/files/", "/evcs/"))}
    assert sorted(served - named) == [], "not in docs/interfaces.md"
    assert sorted(named - served) == [], "in docs/interfaces.md only"
