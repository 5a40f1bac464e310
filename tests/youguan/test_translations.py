"""Every Chinese text on a page has its English."""

import ast
import re
from pathlib import Path

import pytest

from youguan.web.translations import PACKAGES, english

ROOT = Path(__file__).resolve().parents[2]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
CALL = re.compile(r"""_\(\s*(["'])(.*?)\1""")
# What is data, not a text of ours: names of the sample county and of teams.
DATA = {"inspection_service/tasks/assignment.py", "youguan/web/templates.py"}


def texts() -> list[tuple[str, str]]:
    """Return (file, text) of every text that a page shows."""
    found: list[tuple[str, str]] = []
    for package in PACKAGES:
        folder = ROOT / package.replace(".", "/")
        for template in folder.rglob("*.html"):
            name = template.relative_to(ROOT).as_posix()
            found += [(name, text) for _, text in CALL.findall(template.read_text(encoding="utf-8"))]
        for module in [
            *folder.rglob("pages.py"),
            *folder.rglob("pages/*.py"),
            *folder.rglob("api.py"),
            *folder.glob("login.py"),
            *folder.glob("problems.py"),
        ]:
            found += [(module.relative_to(ROOT).as_posix(), text) for text in _strings(module)]
    return sorted(set(found))


def _strings(module: Path) -> list[str]:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and CHINESE.search(node.value)
    ]


@pytest.mark.parametrize(("file", "text"), [pair for pair in texts() if pair[0] not in DATA])
def test_a_text_has_its_english(file: str, text: str) -> None:
    if CHINESE.search(text):
        assert text in english(), f"{file}: no English for {text}"


def test_pages_hold_no_chinese_outside_of_texts() -> None:
    for template in ROOT.glob("*/**/templates/*.html"):
        bare = re.sub(r"\{[{%].*?[%}]\}", "", template.read_text(encoding="utf-8"), flags=re.DOTALL)
        left = [word for word in re.findall(r"[\u4e00-\u9fff]+", bare) if word not in ("有管",)]
        assert not left, f"{template.name}: {left}"
