"""What every page owes a reader who cannot see it, sees little of it, or has no mouse: of WCAG 2.2 AA what a program can check."""

from pathlib import Path
from typing import Any

from playwright.async_api import Page, ViewportSize

QUESTIONS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
NARROW = ViewportSize(width=320, height=640)


async def ask(page: Page, question: str) -> Any:
    """Return the page's answer to one of the questions in accessibility.js."""
    return await page.evaluate(f"{QUESTIONS.rstrip()}.{question}()")


async def faults_of(page: Page) -> list[str]:
    """Return what is wrong with a page as it stands, in light and in dark colours."""
    await page.emulate_media(color_scheme="light", reduced_motion="reduce")
    light = await ask(page, "checks")
    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    return [f"light: {fault}" for fault in light] + [f"dark: {fault}" for fault in await ask(page, "checks")]


async def keyboard_faults(page: Page) -> list[str]:
    """Return what the Tab key does not reach, or reaches unseen; the page must have just been loaded."""
    for _ in range(await ask(page, "watchFocus") + 1):
        await page.keyboard.press("Tab")
    found: list[str] = await ask(page, "focusFaults")
    return found


async def narrow_faults(page: Page) -> list[str]:
    """Return whether a page must be pushed sideways on the narrowest phone (WCAG 1.4.10)."""
    await page.set_viewport_size(NARROW)
    return ["wider than 320 px"] if await ask(page, "isTooWide") else []
