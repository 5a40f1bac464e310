"""What the annual report tells, in its order: each figure is the sum over records that can be opened. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

ENFORCEMENT, JOINT, BY_HAND, CHARGING = "enforcement", "joint", "by_hand", "charging"
CHAPTERS = {
    ENFORCEMENT: ("行政执法", "Enforcement"),
    JOINT: ("行政检查", "Inspections"),
    BY_HAND: ("队伍建设和普法宣传", "Training and publicity"),
    CHARGING: ("充电基础设施监管", "Charging infrastructure"),
}
ENTRIES = {
    "training": ("业务培训", "Training session"),
    "publicity": ("宣传资料", "Publicity material"),
    "exemplary_case": ("典型案例", "Exemplary case"),
}
FIRST_YEAR, LAST_YEAR = 2000, 2200


@dataclass(frozen=True, slots=True)
class Indicator:
    """A figure of the report; `unit` as it is read after the number."""

    id: str
    chapter: str
    name: str
    name_en: str
    unit: str
    unit_en: str


INDICATORS = (
    Indicator("penalty_cases", ENFORCEMENT, "办结行政处罚案件（已作出决定）", "Penalty cases decided", "件", "cases"),
    Indicator("simple_procedure", ENFORCEMENT, "其中：简易程序", "of these by simple procedure", "件", "cases"),
    Indicator("fast_track", ENFORCEMENT, "其中：简案快办", "of these on the fast track", "件", "cases"),
    Indicator("non_contact", ENFORCEMENT, "其中：非接触性执法", "of these without contact", "件", "cases"),
    Indicator("unpunished", ENFORCEMENT, "不予行政处罚（含首违不罚）", "Gone unpunished by rule", "件", "cases"),
    Indicator("reviews", ENFORCEMENT, "被申请行政复议", "Taken to administrative review", "件", "cases"),
    Indicator(
        "reviews_lost",
        ENFORCEMENT,
        "行政复议被撤销、变更或者确认违法",
        "Reviews lost, in whole or in part",
        "件",
        "cases",
    ),
    Indicator("suits", ENFORCEMENT, "被提起行政诉讼", "Taken to court", "件", "cases"),
    Indicator("suits_lost", ENFORCEMENT, "行政诉讼败诉", "Suits lost, in whole or in part", "件", "cases"),
    Indicator("revoked", ENFORCEMENT, "决定被撤销", "Decisions revoked", "件", "cases"),
    Indicator("excellent_files", ENFORCEMENT, "案卷评查优秀案卷", "Files found excellent in review", "件", "files"),
    Indicator("joint_inspections", JOINT, "综合查一次", "Joint inspections", "次", "runs"),
    Indicator("premises_inspected", JOINT, "综合查一次检查", "Premises visited in joint inspections", "户次", "visits"),
    Indicator("items_covered", JOINT, "综合查一次覆盖检查事项", "Items covered by joint inspections", "项", "items"),
    Indicator("visits_saved", JOINT, "减少扰企", "Visits spared", "次", "visits"),
    Indicator("random_draws", JOINT, "双随机抽查计划", "Random draws", "个", "plans"),
    Indicator("random_visits", JOINT, "双随机检查", "Visits that were drawn", "户次", "visits"),
    Indicator("remote_inspections", JOINT, "非现场检查", "Remote inspections", "次", "inspections"),
    Indicator("training_sessions", BY_HAND, "业务培训", "Training sessions", "场次", "sessions"),
    Indicator("publicity_materials", BY_HAND, "发放宣传资料", "Publicity materials", "份", "copies"),
    Indicator("exemplary_cases", BY_HAND, "入选典型案例", "Exemplary cases", "件", "cases"),
    Indicator("charging_sites", CHARGING, "在册充电场站（年末）", "Charging sites at the year's end", "座", "sites"),
    Indicator("unmanaged_found", CHARGING, "发现无人管理场站", "Unmanaged sites found", "座次", "findings"),
    Indicator("unmanaged_settled", CHARGING, "已明确管理单位", "Unmanaged sites settled", "座次", "findings"),
    Indicator("faults", CHARGING, "充电枪故障", "Connector faults", "起", "faults"),
    Indicator("faults_mended", CHARGING, "故障修复", "Faults mended", "起", "faults"),
)
# No sum: half of the records took less.
REPAIR_HOURS = Indicator("repair_hours", CHARGING, "修复用时中位数", "Median time to mend", "小时", "hours")
BY_ID: Mapping[str, Indicator] = {indicator.id: indicator for indicator in (*INDICATORS, REPAIR_HOURS)}


def percent_of(available_s: int, observed_s: int) -> float | None:
    """Return how much of what was observed was in order; None: nothing was observed."""
    return round(100 * available_s / observed_s, 2) if observed_s else None


@dataclass(frozen=True, slots=True)
class Uptime:
    """How available an operator's connectors were: seconds in order and observed; `percent` None: nothing was observed."""

    organisation: str
    available_s: int
    observed_s: int
    organisation_id: str = ""

    @property
    def percent(self) -> float | None:
        return percent_of(self.available_s, self.observed_s)


@dataclass(frozen=True, slots=True)
class Report:
    """The report of a year. `repair_hours`: how long faults took that were mended, half of them less; None: none was."""

    year: int
    organ: str
    figures: Mapping[str, int]
    repair_hours: float | None
    uptime: Sequence[Uptime] | None
    made_on: date

    def as_json(self) -> dict[str, Any]:
        """Return it for machines: every figure an integer at the top level."""
        observed = (
            None
            if self.uptime is None
            else [
                {
                    "organisation": each.organisation,
                    "organisation_id": each.organisation_id,
                    "uptime_percent": each.percent,
                }
                for each in self.uptime
            ]
        )
        return {
            "year": self.year, "organ": self.organ, "made_on": self.made_on.isoformat(), **self.figures,
            "repair_hours": self.repair_hours, "uptime_by_operator": observed,
        }  # fmt: skip

    def chapters(self) -> list[tuple[str, list[tuple[Indicator, int]]]]:
        """Return the figures by chapter, in the report's order."""
        return [
            (chapter, [(each, self.figures[each.id]) for each in INDICATORS if each.chapter == chapter])
            for chapter in CHAPTERS
        ]


def sentences(report: Report) -> list[str]:
    """Return what the report says in words, a paragraph a chapter."""
    found = []
    for chapter, figures in report.chapters():
        told = "，".join(f"{each.name}{figure}{each.unit}" for each, figure in figures)
        found.append(f"{CHAPTERS[chapter][0]}。{report.year}年，{told}。")
    return found
