"""The legal documents: what each says, from the case as it stands after the step. Pure, but for the reading of the file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from inspection_service.cases.conditions import hearing_right, mercy_in, subsidy_of
from inspection_service.cases.file import FAST, GENERAL, SIMPLE, Case, Facts, Said
from inspection_service.cases.machine import STEPS, Command, Step
from inspection_service.cases.owing import owed_fen
from inspection_service.cases.serving import arrived_on, handed_over, served
from inspection_service.law.catalogue import ADVICE, CITIZEN, ORDER, PENALTY, Item
from inspection_service.law.evidence import Piece, is_barred, recordings
from inspection_service.law.imposed import Imposed
from inspection_service.law.periods import periods
from inspection_service.law.statutes import LawError, statutes
from youguan.clock import COUNTY

FILE = Path(__file__).with_name("documents.toml")
NOTHING = "——"
DECISIONS = ("spot_decision", "decision")
# What goes to the party: with the first of these it learns of the case.
TOLD_TO_PARTY = (
    "guidance", "order", "recheck", "no_penalty", "spot_decision", "notice", "notice_service", "statement", "hearing_notice",
    "hearing_record", "hearing_waiver", "hearing_end", "decision", "service", "instalments", "demand", "revocation",
    "case_withdrawal", "inspection_record", "keeping", "disposal", "address", "credit", "credit_repair", "refund",
)  # fmt: skip
SANCTIONS = {
    "warning": "警告",
    "criticism": "通报批评",
    "confiscation_of_gains": "没收违法所得",
    "confiscation_of_goods": "没收非法财物",
    "suspension": "暂扣、降低许可",
    "revocation": "吊销许可",
    "closure": "停产停业、关闭",
}
PROCEDURES = {SIMPLE: "简易程序", FAST: "普通程序（简案快办）", GENERAL: "普通程序"}
DIGITS, PLACES, GROUPS = "零壹贰叁肆伍陆柒捌玖", ("", "拾", "佰", "仟"), ("", "万", "亿")


@dataclass(frozen=True, slots=True)
class Issue:
    """Who issues a document, on which day, with whose names; `decision`: the case's."""

    organ: str
    party: str
    officers: tuple[str, ...]
    actor: str
    day: date
    decision: str = "行政处罚决定"


@cache
def templates() -> Mapping[str, Any]:
    """Return what the file says; LawError where the machine names a document that is not there."""
    found = tomllib.loads(FILE.read_text(encoding="utf-8"))
    if lost := {line.document for line in STEPS.values() if line.document} - set(found):
        raise LawError(f"no document: {', '.join(sorted(lost))}")
    return found


def number(kind: str, year: int, place: int) -> str:
    """Return a document's number."""
    found = templates()
    return f"{found['short']}{found[kind]['series']}字〔{year}〕第{place:06d}号"


def content(kind: str, issue: Issue, before: Case, after: Case, line: Step, said: Said) -> dict[str, Any]:
    """Return what a document says: title, organ, paragraphs, who signs, whether it is sealed."""
    template = templates()[kind]
    words = _words(issue, before, after, line, said)
    grounds = [template["discretion"]] if said.grounds and "discretion" in template else []
    recorded = [template["recordings"]] if "recordings" in template and recordings(after.pieces) else []
    paragraphs = [*template["paragraphs"], *recorded, *grounds, *_rights(template, after)]
    return {
        "title": template["title"],
        "organ": issue.organ,
        "case": after.number,
        "on": _day(issue.day),
        "paragraphs": [ended(text) for paragraph in paragraphs if (text := paragraph.format_map(words))],
        "signatures": [SIGN[who].format_map(words) for who in template["sign"]],
        "sealed": template.get("seal", False),
    }


def ended(paragraph: str) -> str:
    """Return a paragraph with its full stop, which who gives a reason in a form leaves out; one within a quotation's end does."""
    said = paragraph.rstrip()
    bare = said.rstrip("”’』」）)》")
    return said if not said or bare.endswith(tuple("。：；！？….!?")) else f"{said}。"


def reference(title: str, number: str) -> str:
    """Return a document as another one names it."""
    return f"《{title}》（{number}）"


SIGN = {
    "officers": "执法人员：{officers}",
    "party": "当事人（签收）：",
    "head": "负责人：{actor}",
    "actor": "{actor}",
    "people": "参加人：{people}",
}


def _rights(template: Mapping[str, Any], case: Case) -> list[str]:
    """Return what a decision has to tell: how to pay, and where to turn to (Art. 52, 59; Review Law Art. 23)."""
    found = [template["hearing"]] if "hearing" in template and hearing_right(case) else []
    if case.facts.fine_fen:
        found += [templates()["payment"]] if template.get("payment") else []
        found += [template["payment_late"]] if "payment_late" in template else []
    if case.facts.gains_fen and ("payment" in template or "payment_late" in template):
        found.append(templates()["gains"])
    remedies = {"spot": "remedies_spot", "usual": "remedies", "order": "remedies_order"}.get(
        template.get("remedies", "")
    )
    return found + ([templates()[remedies]] if remedies else [])


class _Words(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return NOTHING


def _words(issue: Issue, before: Case, case: Case, line: Step, said: Said) -> _Words:
    facts = case.facts
    mercy = mercy_in(before)
    article = statutes().article({"law": line.article[0], "article": line.article[1]})
    last = periods()["hearing_request"].last_day(facts.notified_on) if facts.notified_on else None
    kept = periods()["evidence_kept"].last_day(issue.day)
    return _Words(
        party=issue.party, named=_named(issue.party, case), item=case.item.name,
        organ=issue.organ, decision=issue.decision, actor=issue.actor, day=_day(issue.day),
        officers="、".join(issue.officers), people="、".join(said.people) or NOTHING, found=_day(case.found_on),
        act_on=_day(case.act_on), on=_day(said.on), hour=_hour(said.hour), place=said.place or NOTHING,
        manner=served(said.manner, said.people), arrived=_arrived(said), posted=_day(facts.posted_on),
        handed=handed_over(said.manner, said.people), proof=_proof(case, said),
        reason=said.reason, grounds=said.grounds, basis=basis_text(case.item),
        article=article.title, evidence=_evidence(case), recordings=_recordings(case), heard=_heard(case.facts),
        sanction=sanction_text(facts.imposed, case.item), procedure=PROCEDURES.get(case.procedure or "", NOTHING),
        pay_by=_day(facts.pay_by), hearing_by=f"（至{_day(last)}）" if last else "", owed=money(owed_fen(case, issue.day)),
        mercy=mercy.article.title if mercy else article.title, to=_addressee(case, line), kept=_kept(before.facts),
        things="、".join(said.things) or NOTHING, kept_until=_day(kept), number=facts.referral_number or NOTHING,
        referred_by=facts.referred_by or NOTHING, amount=money(said.amount_fen),
        receipt=said.receipt, plan="；".join(f"{_day(p.on)}前{money(p.fen)}" for p in said.plan),
    )  # fmt: skip


def _named(party: str, case: Case) -> str:
    """Return a party with what is known of it, as a decision names it (Art. 59): "住址" is a citizen's alone, and not published."""
    facts, citizen = case.facts, case.party_kind == CITIZEN
    known = facts.particulars
    lines = [("统一社会信用代码", known.uscc), ("法定代表人（负责人）", known.representative)]
    lines.append(("住址" if citizen else "住所", known.address))
    found = [f"{label}：{text}" for label, text in lines if text]
    document = [f"证件号码末四位：{facts.identity.tail}"] if facts.identity else []
    return "，".join([party, *document, *found])


def _evidence(case: Case) -> str:
    """Return the evidence of a case, piece by piece (Art. 59), without what may not be evidence (Art. 41), or was not told of."""
    named = [piece for piece in case.relied_on if not is_barred(piece)]
    return "；".join(f"{n}.《{piece.title}》" for n, piece in enumerate(named, 1)) or NOTHING


def _recordings(case: Case) -> str:
    """Return what monitoring equipment recorded, as the party is told of it: which piece, by what, when (Art. 41)."""
    return "；".join(f"证据第{p.place}号《{p.title}》{_recorded(p)}" for p in recordings(case.pieces)) or NOTHING


def _recorded(piece: Piece) -> str:
    at = f"{piece.taken_at.astimezone(COUNTY):%Y年%-m月%-d日%H时%M分}记录" if piece.taken_at else ""
    named = "，".join(filter(None, (piece.equipment, at)))
    return f"（{named}）" if named else ""


def _heard(facts: Facts) -> str:
    """Return when the party was told of what it was to expect, and what it made of that (Art. 44, 45, 64)."""
    # Who answers a public notice before its time has run may be decided about before.
    days = [day for day in (facts.notified_on, facts.decided_on) if day]
    told = f"本机关于{_day(min(days, default=None))}将拟作出的处罚及其事实、理由、依据和当事人的权利告知当事人。"
    if facts.hearing_on is not None:
        return f"{told}当事人要求听证，听证于{_day(facts.hearing_on)}举行。"
    return told + ("当事人进行了陈述、申辩。" if facts.defended else "当事人在期限内没有陈述、申辩。")


def _proof(case: Case, said: Said) -> str:
    """Return which piece of the chain proves a service, as the document names it."""
    return next((f"证据第{p.place}号《{p.title}》" for p in case.pieces if p.place == said.proof), NOTHING)


def _arrived(said: Said) -> str:
    """Return on which day something has reached the party; of a public notice also the day on which it was put up."""
    arrived = arrived_on(said.manner, said.on)
    return _day(arrived) if arrived == said.on else f"{_day(arrived)}（{_day(said.on)}公告，期满视为送达）"


def _kept(facts: Facts) -> str:
    """Return what is kept as evidence, as the decision about it names it (Art. 56); nothing where that was not noted."""
    return f"（{_day(facts.kept_on)}登记保存：{'、'.join(facts.kept)}）" if facts.kept else ""


def _addressee(case: Case, line: Step) -> str:
    """Return which other organ a letter goes to."""
    if line.command == Command.TELL_SUBSIDY:
        organ = subsidy_of(case)
        return organ.name if organ else NOTHING
    return case.facts.referred_to or NOTHING


def basis_text(item: Item) -> str:
    """Return the articles that our own organ's measure rests on."""
    for kind in (PENALTY, ORDER, ADVICE):
        for measure in item.own(kind):
            return "、".join(article.title for article in measure.basis)
    return NOTHING


def sanction_text(imposed: Imposed, item: Item) -> str:
    """Return what is imposed as a document names it: each sanction, with what it rests on beyond the measure's own basis."""
    return "；".join(_sanction(kind, imposed) + _own_basis(kind, item) for kind in imposed.kinds) or NOTHING


def _sanction(kind: str, imposed: Imposed) -> str:
    match kind:
        case "fine":
            return f"罚款人民币{money(imposed.fine_fen)}"
        case "confiscation_of_gains" if imposed.gains_fen:
            return f"{SANCTIONS[kind]}人民币{money(imposed.gains_fen)}"
        case "confiscation_of_goods" if imposed.goods:
            return f"{SANCTIONS[kind]}（{'、'.join(imposed.goods)}）"
    return SANCTIONS.get(kind, NOTHING)


def _own_basis(kind: str, item: Item) -> str:
    own = [s for m in item.own(PENALTY) for s in m.sanctions if s.kind == kind]
    titles = dict.fromkeys(article.title for sanction in own for article in sanction.basis)
    return f"（依据{'、'.join(titles)}）" if titles else ""


def _day(day: date | None) -> str:
    return f"{day.year}年{day.month}月{day.day}日" if day else NOTHING


def _hour(hour: str) -> str:
    """Return 09:30 as a document says it: 9时30分."""
    if not hour:
        return NOTHING
    whole, minutes = map(int, hour.split(":"))
    return f"{whole}时" + (f"{minutes}分" if minutes else "")


def money(fen: int) -> str:
    """Return an amount in words that nobody can alter, and in figures."""
    yuan, rest = divmod(fen, 100)
    jiao, cents = divmod(rest, 10)
    small = (f"{DIGITS[jiao]}角" if jiao else "零" if cents and yuan else "") + (f"{DIGITS[cents]}分" if cents else "")
    whole = f"{_whole(yuan)}元" if yuan or not small else ""
    return f"{whole}{small or '整'}（¥{fen / 100:,.2f}）"


def _whole(number: int) -> str:
    if number == 0:
        return DIGITS[0]
    text, gap = "", False
    for place in reversed(range(len(GROUPS))):
        group = number // 10_000**place % 10_000
        if group:
            text += ("零" if text and (gap or group < 1000) else "") + _group(group) + GROUPS[place]
        gap = group == 0
    return text


def _group(group: int) -> str:
    text, gap = "", False
    for place in reversed(range(len(PLACES))):
        digit = group // 10**place % 10
        if digit:
            text += ("零" if gap and text else "") + DIGITS[digit] + PLACES[place]
        gap = digit == 0
    return text
