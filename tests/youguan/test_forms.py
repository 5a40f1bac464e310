"""A form that is refused comes back on its page: which one it is, what was typed in it, and what is wrong."""

from typing import Annotated, Literal

import asyncpg
import httpx
import pytest
from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse

from youguan.errors import Conflict, Forbidden
from youguan.web import problems
from youguan.web.origins import in_language
from youguan.web.refilling import form_sent, refilled
from youguan.web.routes import Router
from youguan.web.templates import kernel_templates

PAGE = """<h1>Room</h1>
<form method="get" action="/room/7"><input name="text" value="a search"></form>
<form method="post" action="/room/6"><input name="text" value="another's"></form>
<details><summary>s</summary><form class="stack" method="post" action="/room/7"><input type="hidden" name="csrf" value="new">
<input type="hidden" name="about" value="this"><label>Words <input name="text" value="old" required></label>
<label>Why <textarea name="why">
old &amp; long</textarea></label>
<label>Kind<select name="kind"><option selected>camera</option><option value="meter">a meter</option></select></label>
<input type="checkbox" name="tick" value="a" checked><input type="checkbox" name="tick" value="b">
<input type="radio" name="one" value="x" checked><input type="radio" name="one" value="y">
<input type="password" name="secret"><input name="line" value=""><input name="line" value=""><input name="untouched" value="u">
</form></details>
<form method="post"><input type="hidden" name="about" value="this page"><input name="text" form="far"></form>
<form method="post" action="/far" id="far"></form><input name="beside" form="far" value="">
"""


def came_back(typed: dict[str, list[str]], address: str = "/room/7") -> str | None:
    """Return the page with its form that was sent, None where it has no such form."""
    form = form_sent(PAGE, "/room", address, typed)
    return refilled(PAGE, form, typed, address) if form is not None else None


@pytest.mark.parametrize(
    ("name", "values", "seen"),
    [
        ("text", ['"new" <b>'], '<input name="text" value="&quot;new&quot; &lt;b&gt;" required>'),
        ("text", ["a\0b"], '<input name="text" value="ab" required>'),
        ("text", [""], '<input name="text" value="" required>'),
        ("why", ["\nsecond </textarea>"], '<textarea name="why">\n\nsecond &lt;/textarea&gt;</textarea>'),
        ("kind", ["meter"], '<option>camera</option><option value="meter" selected>'),
        ("kind", ["camera"], '<option selected>camera</option><option value="meter">'),
        ("kind", ["unknown"], '<option>camera</option><option value="meter">'),
        (
            "tick",
            ["b"],
            '<input type="checkbox" name="tick" value="a"><input type="checkbox" name="tick" value="b" checked>',
        ),
        ("text", ["x"], '<input type="checkbox" name="tick" value="a"><input type="checkbox" name="tick" value="b">'),
        ("one", ["y"], '<input type="radio" name="one" value="x"><input type="radio" name="one" value="y" checked>'),
        ("secret", ["never shown"], '<input type="password" name="secret">'),
        ("line", ["1", "2"], '<input name="line" value="1"><input name="line" value="2">'),
        ("text", ["x"], '<input name="untouched" value="u">'),
        ("text", ["x"], '<input type="hidden" name="csrf" value="new">'),
        ("text", ["x"], '<details open><summary>s</summary><form class="stack" method="post" action="/room/7">'),
        ("text", ["x"], '<form method="get" action="/room/7"><input name="text" value="a search"></form>'),
        ("text", ["x"], '<form method="post" action="/room/6"><input name="text" value="another\'s"></form>'),
    ],
)
def test_a_field_says_what_was_typed(name: str, values: list[str], seen: str) -> None:
    html = came_back({name: values, "csrf": ["old"]})
    assert html is not None
    assert seen in html


def test_the_form_is_the_one_about_the_same() -> None:
    assert came_back({"about": ["this"]}) is not None
    assert came_back({"about": ["something else"]}) is None
    assert came_back({}, "/nowhere") is None
    of_the_page = came_back({"text": ["x"], "about": ["this page"]}, "/room")
    assert of_the_page is not None
    assert '<form method="post" action="/room">' in of_the_page
    far = came_back({"beside": ["x"]}, "/far")
    assert far is not None
    assert '<input name="beside" form="far" value="x">' in far


def room() -> FastAPI:
    """Return a page of two forms: the endpoint of one only refuses, the other's shows the page itself."""
    router = Router("/room")
    page = (
        '<form method="post" action="/room/raising"><label>Words<input name="text"></label><input name="day"></form>'
        '<form method="post" action="/room/showing"><input name="text"></form>'
    )

    @router.get("")
    async def show() -> HTMLResponse:
        return HTMLResponse(page)

    @router.post("/raising")
    async def raising(text: Annotated[str, Form(max_length=9)], day: Annotated[Literal["today"], Form()]) -> None:
        if text == "busy":
            raise asyncpg.DeadlockDetectedError("deadlock detected")
        raise Forbidden("no") if text == "forbidden" else Conflict("taken already")

    @router.post("/showing")
    async def showing(request: Request, text: Annotated[str, Form()]) -> HTMLResponse:
        if text == "rendered":
            return kernel_templates().render(
                request, "error.html", status_code=409, title="t", advice="a", detail="", again=True
            )
        return HTMLResponse(page, 409)

    app = FastAPI()
    problems.add_handlers(app)
    app.router.routes += router.routes
    return app


async def sent(
    to: str,
    *,
    referer: str = "http://suite.example/room?q=1",
    files: dict[str, tuple[str, bytes]] | None = None,
    **form: str,
) -> httpx.Response:
    headers = {"Accept": "text/html", "Referer": referer, "Accept-Language": "en"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(room()), base_url="http://suite.example") as client:
        return await client.post(to, data=form, files=files, headers=headers)


async def test_a_refused_form_comes_back_with_its_reason() -> None:
    answer = await sent("/room/raising", text="much too long", day="never")
    assert answer.status_code == 422
    assert 'value="much too long" aria-invalid="true"' in answer.text
    assert (
        "<li>Words: String should have at most 9 characters</li><li>day: Input should be &#x27;today&#x27;</li>"
        in answer.text
    )
    answer = await sent("/room/raising", text="short", day="today")
    assert (answer.status_code, "<li>taken already</li>" in answer.text) == (409, True)


async def test_it_comes_back_however_often_it_is_refused() -> None:
    first = await sent("/room/raising", text="short", day="today")
    assert 'action="/room/raising?came_from=%2Froom%3Fq%3D1"' in first.text
    again = await sent(
        "/room/raising?came_from=%2Froom%3Fq%3D1", referer="http://suite.example/room/raising", text="2", day="today"
    )
    assert 'value="2"' in again.text
    assert 'action="/room/raising?came_from=%2Froom%3Fq%3D1"' in again.text


async def test_what_an_endpoint_shows_itself_is_filled_again() -> None:
    answer = await sent("/room/showing", text="typed")
    assert answer.status_code == 409
    assert answer.text.count('value="typed"') == 1
    assert "autofocus" not in answer.text


async def test_files_are_to_be_chosen_again() -> None:
    for to in ("/room/raising", "/room/showing"):
        answer = await sent(to, text="short", day="today", files={"photo": ("a.jpg", b"x")})
        assert "<li>files have to be chosen again" in answer.text
        answer = await sent(to, text="short", day="today", files={"photo": ("", b"")})
        assert "chosen again" not in answer.text


@pytest.mark.parametrize(
    "referer",
    ["", "http://elsewhere.example/room", "http://suite.example/nowhere", "http://suite.example", "http://[no"],
)
async def test_without_a_page_of_ours_the_reason_alone_is_shown(referer: str) -> None:
    answer = await sent("/room/raising", referer=referer, text="much too long", day="today")
    assert answer.status_code == 422
    assert "at most 9 characters" in answer.text
    assert "<form" not in answer.text.partition("<main")[2].partition("</main>")[0]


async def test_a_change_that_gave_way_to_another_loses_nothing() -> None:
    answer = await sent("/room/raising", text="busy", day="today")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert 'value="busy"' in answer.text
    assert "somebody else changes the same just now" in answer.text


@pytest.mark.parametrize(
    ("came_from", "referer", "here"),
    [
        ("", "http://suite.example/room?q=1&lang=en", "/room?q=1&lang={lang}"),
        ("?came_from=/room", "http://suite.example/room/showing", "/room?lang={lang}"),
        ("?came_from=//evil.example", "", "/?lang={lang}"),
        ("?came_from=/%5Cevil.example", "", "/?lang={lang}"),
        ("", "http://elsewhere.example/x", "/?lang={lang}"),
    ],
)
async def test_what_answers_a_form_leads_to_the_page_it_came_from(came_from: str, referer: str, here: str) -> None:
    shown = (await sent(f"/room/showing{came_from}", referer=referer, text="rendered")).text
    assert f'href="{here.format(lang="zh").replace("&", "&amp;")}" lang="zh-CN"' in shown
    again = here.partition("lang=")[0].rstrip("?&")
    assert f'<a class="button" href="{again}' in shown


def test_an_address_in_another_language_keeps_its_search() -> None:
    assert in_language("/x?q=%E7%94%B2&lang=en&free=", "zh") == "/x?q=%E7%94%B2&free=&lang=zh"


async def test_who_may_not_gets_no_form_back() -> None:
    assert 'value="forbidden"' not in (await sent("/room/raising", text="forbidden", day="today")).text


async def test_text_that_cannot_be_kept_is_refused_by_its_field() -> None:
    answer = await sent("/room/raising", text="a\0b", day="today")
    assert (answer.status_code, 'value="ab" aria-invalid="true"' in answer.text) == (422, True)
    assert "Words: holds a character that no text can hold" in answer.text
    assert (await sent("/room/raising?more=%00", text="x", day="today")).status_code == 422
