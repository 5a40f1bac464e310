"""How what the organ issues reaches a party, and on which day it has (Penalty Law Art. 40, 52, 61). Pure."""

from datetime import date

from inspection_service.law.periods import periods

DIRECT, LEFT, POST, ELECTRONIC, PUBLIC_NOTICE = "direct", "left", "post", "electronic", "public_notice"
MANNERS = {
    DIRECT: "直接送达",
    LEFT: "留置送达（当事人拒绝签收）",
    POST: "邮寄送达",
    ELECTRONIC: "电子送达",
    PUBLIC_NOTICE: "公告送达",
}
# What is decided on the spot is handed over there: the party signs, or refuses to.
ON_THE_SPOT = (DIRECT, LEFT)


def arrived_on(manner: str | None, on: date | None) -> date | None:
    """Return on which day something has reached the party: what was made public on a day, when the notice's time has run."""
    return periods()["public_notice"].last_day(on) if manner == PUBLIC_NOTICE and on is not None else on


def served(manner: str | None, people: tuple[str, ...]) -> str:
    """Return what a document says of how it was served, with the witnesses."""
    return MANNERS.get(manner or "", "——") + _witnesses(people)


def handed_over(manner: str | None, people: tuple[str, ...]) -> str:
    """Return what a decision on the spot says of its receipt, with the witnesses where the party refused to sign."""
    return f"当事人拒绝签收{_witnesses(people)}" if manner == LEFT else "当事人签收"


def _witnesses(people: tuple[str, ...]) -> str:
    return f"，见证人：{'、'.join(people)}" if people else ""
