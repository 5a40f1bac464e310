"""Every form of every page of the table: what it cannot take is refused by name, and what was typed comes back."""

from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
import pytest_asyncio

from tests.browser.pages import PAGES, Shown
from youguan.web.refilling import Form, Reader, form_sent

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

TYPED = "甲 & <乙>"
WITH_NUL = "甲 & \0<乙>"
OF_TEXT = frozenset({"", "text", "search", "tel", "email", "url"})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def visitors(address: str) -> AsyncIterator[Mapping[str | None, httpx.AsyncClient]]:
    """A browser's manners without a browser, logged in as each who looks at a page of the table."""
    manners = {"Accept": "text/html", "Accept-Language": "zh", "Origin": address}
    clients = {
        account: httpx.AsyncClient(base_url=address, headers=manners, trust_env=False, timeout=30)
        for account in {shown.account for shown in PAGES}
    }
    for account, client in clients.items():
        if account:
            done = await client.post("/login", data={"username": account, "password": "demo"})
            assert done.status_code == 303
    yield clients
    for client in clients.values():
        await client.aclose()


@pytest.mark.parametrize("shown", [each for each in PAGES if each.status == 200], ids=lambda shown: shown.name)
async def test_a_refused_form_comes_back(
    visitors: Mapping[str | None, httpx.AsyncClient], ids: dict[str, str], shown: Shown
) -> None:
    client, path = visitors[shown.account], shown.path.format(**ids)
    html = (await client.get(path)).text
    for form in Reader(html).forms:
        texts = texts_of(form)
        if form.tag.get("method") != "post" or not texts:
            continue
        answer = await send(client, path, form, texts)
        about = f"{form.tag} of {path}: {answer.status_code} {answer.text[:3000]}"
        assert answer.status_code == 422, about
        assert 'role="alert"' in answer.text, about
        back = form_sent(answer.text, path, str(answer.request.url.path), typed(form, texts))
        assert back is not None, about
        assert [tag_text(answer.text, back, name) for name in texts] == [TYPED] * len(texts), about


def texts_of(form: Form) -> list[str]:
    """Return the fields of a form that take any text."""
    found = [
        f for f in form.fields if f.tag.name == "textarea" or (f.tag.name == "input" and f.tag.get("type") in OF_TEXT)
    ]
    return list(dict.fromkeys(field.name for field in found))


def typed(form: Form, texts: list[str]) -> dict[str, list[str]]:
    return {**{name: [value] for name, value in form.hidden.items()}, **{name: [WITH_NUL] for name in texts}}


async def send(client: httpx.AsyncClient, path: str, form: Form, texts: list[str]) -> httpx.Response:
    data, to = typed(form, texts), form.tag.get("action", path)
    files = {"nothing": ("", b"")} if form.tag.get("enctype").startswith("multipart") else None
    return await client.post(to, data=data, files=files, headers={"Referer": str(client.base_url.join(path))})


def tag_text(html: str, form: Form, name: str) -> str:
    field = next(field for field in form.fields if field.name == name)
    if field.tag.name == "input":
        return field.tag.get("value")
    return html[field.tag.end + 1 : field.end].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
