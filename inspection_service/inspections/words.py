"""What pages of inspections call things."""

from collections.abc import Mapping
from typing import Any

from inspection_service.inspections.visits.probe import ANSWERED, OUTCOMES, REFUSED, UNANSWERED, UNREACHABLE
from inspection_service.law.catalogue import Catalogue

STATES = {
    "planned": ("off", "待检查"),
    "under_way": ("busy", "检查中"),
    "finished": ("good", "已完成"),
    "cancelled": ("off", "已取消"),
}
CHANNELS = {"on_site": "现场检查", "remote": "非现场检查"}
RESULTS = {"passed": ("good", "合格"), "failed": ("bad", "不合格"), "not_applicable": ("off", "不适用")}
KINDS = {"random": "双随机抽查", "joint": "综合查一次"}
PIECES = {"photo": "照片", "still": "监控截图", "telemetry": "监测数据", "frames": "原始报文", "probe": "远程探测"}
BADGES = {ANSWERED: "good", REFUSED: "warn", UNANSWERED: "warn", UNREACHABLE: "bad"}
WORDS: dict[str, Any] = {
    "states": STATES, "channels": CHANNELS, "results": RESULTS, "kinds": KINDS, "piece_names": PIECES,
    "outcomes": {outcome: (BADGES[outcome], said) for outcome, said in OUTCOMES.items()},
}  # fmt: skip


def words_of(catalogue: Catalogue) -> Mapping[str, Any]:
    """Return what every template of inspections needs."""
    return {**WORDS, "organs": catalogue.organs, "items": catalogue.items}
