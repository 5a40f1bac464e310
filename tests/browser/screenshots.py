"""Take the pictures of the README and the docs on a sample county of their own: `python -m tests.browser.screenshots [FOLDER]`."""

import argparse
import asyncio
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

from tests.browser.chromium import NO_BROWSER, chromium, executable
from tests.browser.pages import INSPECTOR, REGULATOR
from tests.suite import ROOT, Api, Suite, eventually

STATIONS = 300
DESKTOP = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


@dataclass(frozen=True)
class Picture:
    """A picture: its file, the page, who looks at it, the screen, and what to open first on that page."""

    file: str
    path: str
    screen: dict[str, Any]
    locale: str = "en-GB"
    account: str | None = None
    click: str | None = None


PICTURES = (
    Picture("public.png", "/", DESKTOP),
    Picture("dashboard.png", "/dashboard", DESKTOP, account=REGULATOR),
    Picture("task-phone.png", "/tasks?cause=connector_fault", PHONE, account=INSPECTOR, click="#tasks a.row"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="screenshots", description="Take the pictures of the README and the docs.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "img")
    folder: Path = parser.parse_args().folder
    path = executable()
    if path is None:
        sys.exit(f"youguan: {NO_BROWSER}; install one (Debian: apt install chromium fonts-noto-cjk)")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="yg-", ignore_cleanup_errors=True) as data:
        Path(data).chmod(0o711)
        suite = Suite(Path(data) / "data", "--demo", f"--stations={STATIONS}", "--workers=2")
        suite.start()
        try:
            asyncio.run(take(suite, path, folder))
        finally:
            suite.stop()


async def take(suite: Suite, browser_path: str, folder: Path) -> None:
    """Wait until the county is alive, then take every picture."""
    port = suite.ports()["http"]
    api = Api(port)
    await api.log_in()
    await eventually(lambda: alive(api), within_s=300)
    async with chromium(browser_path) as browser:
        for picture in PICTURES:
            await photograph(browser, f"http://127.0.0.1:{port}", picture, folder / picture.file)
            sys.stdout.write(f"{folder / picture.file}\n")
    await api.client.aclose()


async def alive(api: Api) -> bool:
    """Say whether the whole fleet is connected, somebody charges, and the task of a fault is there to be seen."""
    sites = [feature["properties"] for feature in (await api.get("/api/public/sites.geojson"))["features"]]
    faults = await api.items("/api/inspection/tasks", status="open", cause="connector_fault")
    return (
        sum(site["available"] for site in sites) >= STATIONS and any(site["in_use"] for site in sites) and bool(faults)
    )


async def photograph(browser: Browser, address: str, picture: Picture, file: Path) -> None:
    context = await browser.new_context(
        base_url=address, locale=picture.locale, reduced_motion="reduce", **picture.screen
    )
    if picture.account:
        await context.request.post("/login", form={"username": picture.account, "password": "demo"}, max_redirects=0)
    page = await context.new_page()
    await page.goto(picture.path)
    if picture.click:
        await page.locator(picture.click).first.click()
        await page.wait_for_load_state()
    await settled(page)
    await page.screenshot(path=file)
    await context.close()


async def settled(page: Page) -> None:
    """Wait until the map, where there is one, has its sites, and nothing fades any more."""
    await page.wait_for_function(
        "() => (!document.getElementById('map') || document.querySelector('#map canvas')) && !document.getAnimations().length"
    )


if __name__ == "__main__":
    main()
