"""Who is told of an event, and in which words. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

from inspection_service.cases.due import PARTYS_OWN, Stage
from inspection_service.cases.machine import Command as Step
from inspection_service.cases.words import COMMANDS, PERIODS
from inspection_service.tasks.machine import Command
from inspection_service.tasks.words import CAUSES, SEVERITIES
from youguan.clock import COUNTY
from youguan.events import AlertRaised, AlertWorsened, CaseMoved, CaseUrged, TaskOpened, TaskUrged

CENTRE = "centre"


def organisation(organisation_id: str) -> str:
    return f"organisation/{organisation_id}"


def team(team_id: str) -> str:
    return f"team/{team_id}"


def person(subject: str) -> str:
    return f"person/{subject}"


@dataclass(frozen=True, slots=True)
class Told:
    """A text, in both languages, for whom, and the page that it is about."""

    recipients: tuple[str, ...]
    text: str
    path: str


URGED = {
    Command.REMIND: ("即将到期，请尽快办理", "is due soon"),
    Command.FALL_DUE: ("已逾期", "is overdue"),
    Command.TO_TEAM: ("逾期未办，已升级至属地执法队", "is overdue and was passed up to the team"),
    Command.TO_CENTRE: ("已升级至县指挥中心", "was passed up to the county's centre"),
}
ENDS = {Stage.SOON: ("即将届满", "soon"), Stage.OVER: ("已届满", "past")}
# Steps of a case that concern its party; what the office does among itself is not told before it is served.
PARTYS = frozenset({
    Step.GUIDE, Step.ORDER, Step.EXTEND_ORDER, Step.CONFIRM_MENDED, Step.FIND_UNMENDED, Step.CLOSE_MENDED, Step.EXCUSE,
    Step.PUNISH_ON_THE_SPOT, Step.NOTIFY, Step.CALL_HEARING, Step.FORFEIT_HEARING, Step.SERVE, Step.ALLOW_INSTALMENTS, Step.DEMAND,
    Step.REVOKE, Step.REFUND, Step.CLOSE,
})  # fmt: skip


def of_new_task(opened: TaskOpened) -> Told:
    """Return what is told of a task that was opened, or opened again: to whoever is to do it."""
    zh_due, en_due = (f"（期限 {opened.due_on}）", f" (due {opened.due_on})") if opened.due_on else ("", "")
    text = f"有工单待办：{opened.number}{zh_due}\nTask {opened.number} is yours to do{en_due}"
    recipients = (organisation(opened.assignee_id), team(opened.assignee_id))
    return Told(recipients, text, f"/tasks/{quote(opened.task_id)}")


def of_task(urged: TaskUrged) -> Told:
    """Return what is told of a task that waits: to its party or team, its district's team, or the centre."""
    command = Command(urged.stage)
    recipients = {
        Command.TO_TEAM: (team(urged.team_id),),
        Command.TO_CENTRE: (CENTRE,),
    }.get(command, (organisation(urged.assignee_id), team(urged.assignee_id)))
    zh, en = URGED[command]
    due = urged.due_at.astimezone(COUNTY).strftime("%Y-%m-%d %H:%M")
    text = f"工单 {urged.number} {zh}（期限 {due}）\nTask {urged.number} {en} (due {due})"
    return Told(recipients, text, f"/tasks/{quote(urged.task_id)}")


def of_case(moved: CaseMoved, officers: Sequence[str], *, party_knows: bool, english: str) -> Told:
    """Return what is told of a step in a case: to its officers, and to its party what concerns it once it knows of the case."""
    concerned: Collection[str] = PARTYS if party_knows and moved.party_id else ()
    party = (organisation(moved.party_id),) if moved.party_id and moved.command in concerned else ()
    zh_due, en_due = (
        (f"（下一步期限 {moved.due_on}）", f" (next step due {moved.due_on})") if moved.due_on else ("", "")
    )
    step = COMMANDS.get(moved.command, moved.command)
    text = f"案件 {moved.number}：{step}{zh_due}\nCase {moved.number}: {english}{en_due}"
    return Told((*map(person, officers), *party), text, f"/cases/{quote(moved.case_id)}")


def of_review(moved: CaseMoved, level: int, reviewers: Sequence[str]) -> Told:
    """Return what is told of a case whose legal review, or what else is its reviewers', has come to a level."""
    text = f"案件 {moved.number} 待您审核（第{level}级法制审核）\nCase {moved.number} waits for you (legal review, level {level})"
    return Told(tuple(map(person, reviewers)), text, f"/cases/{quote(moved.case_id)}")


def of_file(reviewer: str, number: str, review_id: str, case_id: str, until: date) -> Told:
    """Return what is told of a file of which two scores lie apart: to whoever was drawn to score it as the third."""
    text = (
        f"案卷 {number} 两份评分不一致，抽取您为第三名评查人（请于 {until} 前评分）\n"
        f"Two scores of file {number} lie apart: you were drawn to score it as the third (until {until})"
    )
    return Told((person(reviewer),), text, f"/file-reviews/{quote(review_id)}/files/{quote(case_id)}")


def of_scoring(reviewer: str, name: str, review_id: str, files: int, until: date, *, soon: bool) -> Told:
    """Return what is told whoever has to score files of a review: that they were drawn for him, or that his time is `soon` over."""
    zh, en = ("仍有 {n} 件案卷待您评分", "{n} files still wait for your scores") if soon else (
        "抽取您评查 {n} 件案卷", "you were drawn to score {n} files",
    )  # fmt: skip
    text = (
        f"案卷评查“{name}”：{zh.format(n=files)}（最迟 {until}，逾期不再等候）\n"
        f"File review {name}: {en.format(n=files)} (until {until}; after that you are not waited for)"
    )
    return Told((person(reviewer),), text, f"/file-reviews/{quote(review_id)}")


def of_alert(alert: AlertRaised | AlertWorsened, site: str, english: str, *, last: bool) -> Told:
    """Return what is told of an alert; `english`: its rule; `last`: no more are told for a while.

    Who is told is asked of the addresses: an alert has no recipients of its own.
    """
    zh_rule, zh_severity = CAUSES.get(alert.rule, alert.rule), SEVERITIES[alert.severity]
    where = " ".join(filter(None, (site, alert.station_id)))
    zh_gun = f" {alert.connector}号枪" if alert.connector else ""
    en_gun = f", connector {alert.connector}" if alert.connector else ""
    zh_more, en_more = (
        ("；告警较多，其余请在页面查看", "; there are many: see the page for the rest") if last else ("", "")
    )
    text = (
        f"告警（{zh_severity}）{zh_rule}：{where}{zh_gun}{zh_more}\n"
        f"Alert ({alert.severity}) {english}: {where}{en_gun}{en_more}"
    )
    station = f"?station={quote(alert.station_id, safe='')}" if alert.station_id else ""
    return Told((), text, f"/alerts{station}")


def of_period(urged: CaseUrged, officers: Sequence[str], *, party_knows: bool, english: str) -> Told:
    """Return what is told of a period that ends: to the officers; of what is the organ's own to do to the centre, where its head
    reads, and of what is the party's to the party."""
    own = urged.period in PARTYS_OWN
    party = (organisation(urged.party_id),) if own and party_knows and urged.party_id else ()
    zh, en = ENDS[Stage(urged.stage)]
    text = f"案件 {urged.number}：{PERIODS[urged.period]} {urged.due_on} {zh}\nCase {urged.number}: {english} {urged.due_on} ({en})"
    return Told((*map(person, officers), *(party if own else (CENTRE,))), text, f"/cases/{quote(urged.case_id)}")
