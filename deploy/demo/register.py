"""Monitoring equipment of the sample, as the county's regulator has entered it: a camera at a site, another at a crossing."""

from datetime import timedelta

from deploy.demo.cast import Cast
from deploy.demo.desks import Desks
from inspection_service.monitoring.register import CAMERA, Equipment

PUBLISHED_BEFORE, VALID_FOR = timedelta(days=30), timedelta(days=365)
NOTICE = "示例公告：本目录为演示数据"


async def enter(desks: Desks, people: Cast, site_id: str) -> None:
    """Enter both, published a month ago; what a crossing's camera sees is no site's."""
    places = ((1, "场站入口停车区（示例）", site_id), (2, "气象北路路口（示例）", None))
    for number, place, site in places:
        await desks.register.enter(people.regulator, _camera(desks, number, place, site))


def _camera(desks: Desks, number: int, place: str, site_id: str | None) -> Equipment:
    published = desks.today - PUBLISHED_BEFORE
    papers = (f"示例法审〔{published.year}〕{number}号", f"示例技审〔{published.year}〕{number}号")
    return Equipment(
        f"示例-CAM-{number:02d}", CAMERA, place, site_id, *papers, NOTICE, published, published, desks.today + VALID_FOR
    )
