"""Takes names of natural persons and what leads to them out of a text. Pure.

What is known by name is masked as courts do (张某某); what has a form of its own (identity cards, telephones, plates, accounts) by
that. Other names no rule can find: therefore a person reads what is published, and names them.
"""

import re
from collections.abc import Collection, Iterable

COMPOUND = (
    "欧阳",
    "司马",
    "上官",
    "诸葛",
    "东方",
    "尉迟",
    "公孙",
    "慕容",
    "令狐",
    "夏侯",
    "皇甫",
    "长孙",
    "司徒",
    "端木",
)
SHORTEST = 2
# An organisation's credit code is shown; in many there is no letter, and then they look like an identity card's number.
NO_CODE = "(?<!统一社会信用代码：)"
PATTERNS = (
    (re.compile(r"住址：[^。\n]+"), "住址：〔略〕"),  # as a decision names a citizen's; an organisation's seat stays
    (re.compile(r"末四位：[0-9A-Z]+"), "末四位：〔略〕"),
    (re.compile(NO_CODE + r"(?<![0-9A-Za-z])\d{17}[0-9Xx](?![0-9A-Za-z])"), "〔身份证号略〕"),
    (re.compile(NO_CODE + r"(?<![0-9A-Za-z])(?:\d{4}[ -]?){3,4}\d{1,4}(?![0-9A-Za-z])"), "〔账号略〕"),
    (re.compile(r"(?<![0-9])1[3-9]\d{9}(?![0-9])"), "〔电话略〕"),
    (re.compile(r"(?<![0-9])0\d{2,3}-?\d{7,8}(?![0-9])"), "〔电话略〕"),
    (re.compile(r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][·\s]?[A-Z0-9]{5,6}"), "〔车牌略〕"),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "〔邮箱略〕"),
)  # fmt: skip


def masked(name: str) -> str:
    """Return a name of which only the surname is left; what is written in other letters keeps the first."""
    kept = next((surname for surname in COMPOUND if name.startswith(surname) and len(name) > len(surname)), name[:1])
    return kept + "某" * min(max(len(name) - len(kept), 1), 2)


def redacted(text: str, names: Collection[str]) -> str:
    """Return a text without these names, and without what leads to a person by its form."""
    for name in sorted({name for name in names if len(name) >= SHORTEST}, key=len, reverse=True):
        text = text.replace(name, masked(name))
    for pattern, instead in PATTERNS:
        text = pattern.sub(instead, text)
    return text


def leaks(texts: Iterable[str], names: Collection[str]) -> list[str]:
    """Return which of the names still stand in a text."""
    whole = "\n".join(texts)
    return [name for name in names if len(name) >= SHORTEST and name != masked(name) and name in whole]
