"""The checks themselves: a page full of mistakes is told of each, a good one of none."""

import pytest

from tests.browser.accessibility import faults_of, keyboard_faults, narrow_faults
from tests.browser.conftest import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

GOOD = """<!doctype html><html lang="en"><title>Good</title><style>a:focus { outline: 2px solid }</style>
<body style="background: #fff; color: #000"><a class="skip" href="#main">Skip</a><main id="main"><h1>Good</h1><h2>Part</h2>
<p>Text</p><img src="data:," alt=""></main></body></html>"""
MISTAKES = {
    "no language": ('lang="en"', ""),
    "no title": ("<title>Good</title>", ""),
    "2 h1": ("<h2>Part</h2>", "<h1>Part</h1>"),
    "h4 follows h1": ("<h2>Part</h2>", "<h4>Part</h4>"),
    "an id that is there twice": ("<p>", '<p id="main">'),
    "no label": ("<p>", '<input name="q"><p>'),
    "no name": ("<p>", '<button type="button"></button><p>'),
    "no alt": (' alt=""', ""),
    "names nothing": ("<p>", '<p aria-describedby="nobody">'),
    "contrast 2.32": ("<p>", '<p style="color: #aaa">'),
    "contrast 2.85": ("<p>", '<p style="opacity: .4">'),
    "wider than 320 px": ("<p>", '<p style="width: 400px">'),
    "is not the way to the content": ('class="skip"', ""),
    "Tab does not reach": ("<p>", '<button onkeydown="return false">x</button><button>y</button><p>'),
    "focus is not seen": ("outline: 2px solid", "outline: none"),
}


@pytest.mark.parametrize("mistake", [None, *MISTAKES])
async def test_a_mistake_is_found(visitor: Visitor, mistake: str | None) -> None:
    page = await visitor.come()
    await page.set_content(GOOD.replace(*MISTAKES[mistake]) if mistake else GOOD)
    faults = " ".join(await keyboard_faults(page) + await faults_of(page) + await narrow_faults(page))
    assert mistake in faults if mistake else not faults
