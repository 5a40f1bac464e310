"""Who is told of handovers and filings, and in which words. Pure."""

from collections.abc import Iterable
from urllib.parse import quote

from inspection_service.notices.wording import Told, organisation
from youguan.events import (
    FilingLapseDue,
    FilingMoved,
    FilingOverdue,
    FilingPaperMoved,
    FilingPromiseOverdue,
    HandoverEnded,
    HandoverProposed,
    HandoverUrged,
)

COUNTER = "counter"
# How a handover ended, and who is told besides its proposer.
OUTCOMES = {
    "accepted": ("已接受", "was accepted"),
    "declined": ("已拒绝", "was declined"),
    "withdrawn": ("已撤回", "was withdrawn"),
    "lapsed": ("逾期未答复", "lapsed unanswered"),
    "overtaken": ("已终止：管理单位已另行确定", "is over: another one manages by now"),
}
FILING_STATES = {
    "submitted": ("待审核", "submitted"),
    "supplement_required": ("待补正", "supplement required"),
    "accepted": ("已备案", "accepted"),
    "in_operation": ("运营中", "in operation"),
    "suspended": ("已停运", "suspended"),
    "retired": ("已注销", "retired"),
    "withdrawn": ("已撤回", "withdrawn"),
    "rejected": ("不予备案", "rejected"),
    "lapsed": ("备案失效", "lapsed"),
}
RESTORED = ("撤销失效、恢复备案", "restored, it has not lapsed")
# What became of a paper that was brought on a file that stands.
PAPERS = {
    "waiting": ("已补交，待核验", "was brought and waits to be checked"),
    "counts": ("已认可", "was accepted"),
    "refused": ("未予认可，请重新补交", "was refused: bring another one"),
}
APPLICANTS = ("applicant", "filer")


def of_proposed(proposed: HandoverProposed, site: str) -> Told:
    """Return what is told of a proposal: to who is to manage, and to who manages, where that is not who proposes it."""
    told = _organisations((proposed.to_organisation_id, proposed.from_organisation_id), but=proposed.proposer_id)
    place, by = _place(site, proposed.station_id), proposed.answer_by
    text = f"管理交接待接收方答复：{place}（期限 {by}）\nHandover of {place}: its receiver is to answer by {by}"
    return Told(told, text, _handover(proposed.handover_id))


def of_urged(urged: HandoverUrged, site: str) -> Told:
    """Return what its receiver is told of a handover that is about to lapse."""
    place, by = _place(site, urged.station_id), urged.answer_by
    text = f"管理交接即将到期，请尽快答复：{place}（期限 {by}）\nHandover of {place} waits for your answer and lapses after {by}"
    return Told((organisation(urged.to_organisation_id),), text, _handover(urged.handover_id))


def of_ended(ended: HandoverEnded, site: str) -> Told:
    """Return what is told of a handover's end: to its proposer, to who managed, and to its receiver, but for whose word it was."""
    spoke = {"accepted": ended.to_organisation_id, "declined": ended.to_organisation_id, "withdrawn": ended.proposer_id}
    parties = (ended.proposer_id, ended.from_organisation_id, ended.to_organisation_id)
    told = _organisations(parties, but=spoke.get(ended.outcome))
    place, (zh, en) = _place(site, ended.station_id), OUTCOMES[ended.outcome]
    text = f"管理交接{zh}：{place}\nHandover of {place} {en}"
    return Told(told, text, _handover(ended.handover_id))


def of_filing(moved: FilingMoved, site: str) -> Told:
    """Return what is told of a filing's step: the applicant's own to the counter, others' to whose file it is.

    What the counter has to look at it is told whoever's step it was; a draft that is given up concerns nobody.
    """
    own = moved.role in APPLICANTS
    keepers = () if own else tuple(organisation(keeper) for keeper in moved.keeper_ids)
    counter = (COUNTER,) if own or moved.role == "system" or moved.state == "submitted" else ()
    recipients = () if moved.previous == "draft" and moved.state == "withdrawn" else (*keepers, *counter)
    called = " ".join(filter(None, (moved.number, site)))
    zh, en = RESTORED if moved.previous == "lapsed" else FILING_STATES[moved.state]
    return _of_file(recipients, called, zh, en, moved.filing_id)


def of_overdue(overdue: FilingOverdue, site: str) -> Told:
    """Return what is told of a filing whose day has passed: to the counter, and of a supplement to whose filing it is as well."""
    called, due = " ".join(filter(None, (overdue.number, site))), overdue.due_on
    if overdue.withdrawn_after is None:
        zh, en = f"审核已逾期（期限 {due}）", f"the authority's answer was due on {due}"
        return _of_file((COUNTER,), called, zh, en, overdue.filing_id)
    last = overdue.withdrawn_after
    zh = f"逾期未补正（期限 {due}），至迟 {last} 补正，逾期视为撤回"
    en = f"its supplement was due on {due}; it counts as withdrawn where none comes by {last}"
    return _of_file((organisation(overdue.organisation_id), COUNTER), called, zh, en, overdue.filing_id)


def of_promise(overdue: FilingPromiseOverdue, site: str) -> Told:
    """Return what is told of a promised paper that has not come: to whose file it is, with what follows, and to the counter."""
    called, due, last = " ".join(filter(None, (overdue.filing_number, site))), overdue.promised_for, overdue.lapses_on
    zh = f"承诺的{overdue.name}逾期未补（承诺 {due}）" + (
        f"，至迟 {last} 补交，逾期备案可能失效" if last else "，请尽快补交"
    )
    en = f"{overdue.name_en} was promised for {due}" + (
        f"; without it by {last} the filing may lapse" if last else "; bring it"
    )
    keepers = (organisation(keeper) for keeper in overdue.keeper_ids)
    return _of_file((*keepers, COUNTER), called, zh, en, overdue.filing_id)


def of_lapse_due(due: FilingLapseDue, site: str) -> Told:
    """Return what the counter is told of a file: whether it lapses is to be decided."""
    called = " ".join(filter(None, (due.filing_number, site)))
    return _of_file((COUNTER,), called, "承诺的材料逾期未补，待决定是否失效", "decide whether it lapses", due.filing_id)


def of_paper(moved: FilingPaperMoved, site: str) -> Told:
    """Return what is told of a paper: to the counter what waits for it, to whose file it is what was said; a refusal to both."""
    called, (zh, en) = " ".join(filter(None, (moved.number, site))), PAPERS[moved.standing]
    keepers = () if moved.standing == "waiting" else tuple(organisation(keeper) for keeper in moved.keeper_ids)
    counter = () if moved.standing == "counts" else (COUNTER,)
    why = f" ({moved.reason})" if moved.reason else ""
    return _of_file(
        (*keepers, *counter), called, f"{moved.name}{zh}{why}", f"{moved.name_en} {en}{why}", moved.filing_id
    )


def _of_file(recipients: tuple[str, ...], called: str, zh: str, en: str, filing_id: str) -> Told:
    return Told(
        recipients,
        f"备案 {called}：{zh}\nFiling {called}: {en}".replace("  ", " "),
        f"/registry/filings/{quote(filing_id)}",
    )


def _organisations(parties: Iterable[str | None], *, but: str | None) -> tuple[str, ...]:
    """Return organisations as recipients, each once, but for one."""
    return tuple(organisation(party) for party in sorted({party for party in parties if party} - {but}))


def _place(site: str, station_id: str | None) -> str:
    return f"{site} {station_id}" if station_id else site


def _handover(handover_id: str) -> str:
    return f"/registry/handovers/{quote(handover_id)}"
