"""What documents say of each other: records of decisions have numbers of their own, and what a document leads to is there."""

import re
from itertools import chain

from tests.suite import ROOT

LINK = re.compile(r"\[[^]]*\]\((?![a-z]+:|#)([^)#\s]+)")


def test_each_decision_has_a_number_of_its_own() -> None:
    records = sorted((ROOT / "docs/adr").glob("*.md"))
    said = [int(re.match(r"# (\d+)\. ", record.read_text())[1]) for record in records]  # type: ignore[index]
    assert [int(record.name[:4]) for record in records] == said
    assert said == list(range(1, len(records) + 1))


def test_what_documents_lead_to_is_there() -> None:
    broken = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in chain(ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md"))
        for target in LINK.findall(document.read_text())
        if not (document.parent / target).exists()
    ]
    assert broken == []
