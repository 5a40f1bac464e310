"""What is shown of a decision, and the same as feeds and a table. Pure."""

import csv
import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import orjson

from inspection_service.publication.redaction import leaks, redacted
from youguan.clock import utc_text
from youguan.spreadsheets import harmless

ATOM = "http://www.w3.org/2005/Atom"
FEED_VERSION = "https://jsonfeed.org/version/1.1"
COLUMNS = {
    "number": "决定书文号",
    "party": "当事人",
    "item": "违法行为",
    "basis": "处罚依据",
    "sanction": "处罚内容",
    "decided_on": "决定日期",
    "organ": "处罚机关",
    "published_at": "公开时间",
    "shown_until": "公开截止日",
    "withdrawn": "撤回理由",
}
# What XML 1.0 has no place for.
NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Notice:
    """What is shown of a decision; dates as text, so that it is kept as it was checked."""

    number: str
    title: str
    party: str
    item: str
    basis: str
    sanction: str
    decided_on: str
    organ: str
    paragraphs: tuple[str, ...]

    def without(self, names: Collection[str]) -> "Notice":
        """Return it with names of natural persons and what leads to them taken out; its number and dates stay."""
        kept = {"number": self.number, "decided_on": self.decided_on, "organ": self.organ, "title": self.title}
        texts = {name: redacted(text, names) for name, text in asdict(self).items() if isinstance(text, str)}
        return Notice(**{**texts, **kept}, paragraphs=tuple(redacted(text, names) for text in self.paragraphs))

    def leaks(self, names: Collection[str]) -> list[str]:
        """Return which of the names still stand in it."""
        return leaks([self.party, self.item, self.basis, self.sanction, *self.paragraphs], names)


@dataclass(frozen=True, slots=True)
class Shown:
    """A notice as the public has it: what was withdrawn shows its number and the reason, and nothing else."""

    id: str
    number: str
    published_at: datetime
    shown_until: date
    notice: Mapping[str, Any] | None
    withdrawn: str
    changed_at: datetime

    @property
    def headline(self) -> str:
        if self.notice is None:
            return f"{self.number}：已撤回"
        return f"{self.notice['party']}：{self.notice['item']}"

    @property
    def body(self) -> str:
        return self.withdrawn if self.notice is None else "\n".join(self.notice["paragraphs"])


def as_csv(rows: Sequence[Shown]) -> bytes:
    """Return a table for spreadsheets (UTF-8 with its mark)."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS.values())
    for row in rows:
        known: dict[str, Any] = {**(row.notice or {}), "number": row.number, "withdrawn": row.withdrawn}
        known |= {"published_at": utc_text(row.published_at), "shown_until": row.shown_until.isoformat()}
        writer.writerow([harmless(str(known.get(name, ""))) for name in COLUMNS])
    return file.getvalue().encode("utf-8-sig")


def as_atom(rows: Sequence[Shown], *, address: str, organ: str, now: datetime) -> bytes:
    """Return an Atom feed (RFC 4287); `address`: that of the page."""
    feed = Element("feed", xmlns=ATOM)
    updated = max((row.changed_at for row in rows), default=now)
    for name, text in (("title", f"{organ}行政处罚公开"), ("id", address), ("updated", utc_text(updated))):
        SubElement(feed, name).text = text
    SubElement(SubElement(feed, "author"), "name").text = organ
    SubElement(feed, "link", rel="alternate", href=address)
    for row in rows:
        entry = SubElement(feed, "entry")
        link = f"{address}/{row.id}"
        for name, text in (
            ("title", row.headline), ("id", link), ("updated", utc_text(row.changed_at)),
            ("published", utc_text(row.published_at)), ("summary", row.body),
        ):  # fmt: skip
            SubElement(entry, name).text = NO_XML.sub("", text)
        SubElement(entry, "link", rel="alternate", href=link)
    made: bytes = tostring(feed, encoding="utf-8", xml_declaration=True)
    return made


def as_json_feed(rows: Sequence[Shown], *, address: str, organ: str) -> bytes:
    """Return a JSON Feed 1.1."""
    items = [
        {
            "id": f"{address}/{row.id}", "url": f"{address}/{row.id}", "title": row.headline, "content_text": row.body,
            "date_published": utc_text(row.published_at), "date_modified": utc_text(row.changed_at),
        }
        for row in rows
    ]  # fmt: skip
    feed = {"version": FEED_VERSION, "title": f"{organ}行政处罚公开", "home_page_url": address, "language": "zh-CN"}
    return orjson.dumps({**feed, "items": items})
