"""Every Chinese text on a page has its English."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from jinja2 import nodes
from pydantic import BaseModel, Field

from youguan.errors import FieldError, Forbidden, Invalid, Reason
from youguan.web.problems import checked
from youguan.web.templates import Templates
from youguan.web.times import GivenTime
from youguan.web.translations import PACKAGES, chinese, english, explain, field_name, translate

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
            *folder.rglob("words.py"),
            *folder.rglob("api.py"),
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


def test_pages_use_filters_that_there_are() -> None:
    """The engine looks for one only where a page comes to it."""
    known = Templates(ROOT / "youguan/web/templates").environment
    for template in ROOT.glob("*/**/templates/*.html"):
        tree = known.parse(template.read_text(encoding="utf-8"))
        assert {found.name for found in tree.find_all(nodes.Filter)} <= known.filters.keys(), template.name
        assert {found.name for found in tree.find_all(nodes.Test)} <= known.tests.keys(), template.name


def test_pages_hold_no_chinese_outside_of_texts() -> None:
    for template in ROOT.glob("*/**/templates/*.html"):
        bare = re.sub(r"\{[{%].*?[%}]\}", "", template.read_text(encoding="utf-8"), flags=re.DOTALL)
        left = [word for word in re.findall(r"[\u4e00-\u9fff]+", bare) if word not in ("有管",)]
        assert not left, f"{template.name}: {left}"


def test_pages_hold_no_marks_of_one_language() -> None:
    """What stands between words is the reader's (`marks`); laws and officers' names stay as they are written, and say so."""
    for template in ROOT.glob("*/**/templates/*.html"):
        ours = CALL.sub("", template.read_text(encoding="utf-8"))
        bare = re.sub(r'<(\w+)[^>]*lang="zh-CN"[^>]*>.*?</\1>', "", ours)
        assert not re.findall(r"[（）：、；，。].*", bare), template.name


# Rooms whose reasons a person reads in Chinese too: every one is a text of its own or a template, never put together.
ROOMS = (
    "charger_registry",
    "inspection_service/annual_report",
    "inspection_service/cases",
    "inspection_service/exchange",
    "inspection_service/file_review",
    "inspection_service/inspections",
    "inspection_service/law",
    "inspection_service/publication",
    "inspection_service/tasks",
    "ocpp_gateway/authorisation",
    "ocpp_gateway/certificates",
    "ocpp_gateway/commands",
    "ocpp_gateway/files",
    "ocpp_gateway/heartbeats",
    "ocpp_gateway/pages",
    "ocpp_gateway/timeseries",
    "ocpp_gateway/transactions",
    "youguan/web",
)
ERRORS = {"Conflict", "Forbidden", "Invalid", "LengthRequired", "NotFound", "TooLarge", "Unavailable"}


def reasons() -> Iterator[tuple[str, ast.expr]]:
    """Return (place, what is said) of every error that the rooms make."""
    for room in ROOMS:
        for module in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and node.args:
                    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                    place = f"{module.relative_to(ROOT)}:{node.lineno}"
                    if name in {"FieldError", "RowError", "about", "wrong"} and len(node.args) > 1:
                        yield place, node.args[1]
                    elif name in {"Reason", *ERRORS}:
                        yield place, node.args[0]


def test_a_reason_has_its_chinese() -> None:
    known = chinese()[0]
    for place, said in reasons():
        assert not isinstance(said, ast.JoinedStr), f"{place}: put together; give Reason a template and its values"
        if isinstance(said, ast.Constant):
            assert said.value in known, f"{place}: no Chinese for {said.value!r}"


def test_the_chinese_of_a_reason_names_no_other_values() -> None:
    def values(template: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(template) if name}

    for template, said in chinese()[0].items():
        assert template.startswith("pydantic.") or values(said) <= values(template), template


def test_a_reason_and_a_field_are_called_the_same_in_every_package() -> None:
    """They are looked up in all packages at once: the same template cannot mean two things."""
    called: dict[tuple[str, str], str] = {}
    for package in PACKAGES:
        file = ROOT / package.replace(".", "/") / "translations" / "zh.toml"
        reasons = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        for kind, table in (("field", reasons.pop("fields", {})), ("reason", reasons)):
            for name, said in table.items():
                assert kind == "reason" or "{" not in name, f"{package}: {name} is a reason among fields"
                assert called.setdefault((kind, name), said) == said, f"{package}: {kind} {name}"


def test_a_page_says_a_text_as_its_own_package_does() -> None:
    assert translate("撤销", "en", "charger_registry") == "Strike"
    assert translate("撤销", "en", "inspection_service") == "revoked"
    assert translate("撤销", "zh", "inspection_service") == "撤销"


class Named(BaseModel):
    name: str = Field(max_length=3)
    at: GivenTime | None = None


def test_an_error_is_explained_in_the_readers_language() -> None:
    reason = Reason("is not JSON: {error}, at character {at}", error="{", at=7)
    wrong = Invalid.of(FieldError("name", "is missing"), FieldError("body", reason))
    assert explain(wrong, "en") == wrong.detail == "name: is missing; body: is not JSON: {, at character 7"
    assert explain(wrong, "zh") == "名称：未填写；请求内容：不是 JSON：{，第 7 个字符"
    assert explain("what nobody has translated", "zh") == "what nobody has translated"
    assert explain(Invalid("plain {braces}"), "zh") == "plain {braces}"
    with pytest.raises(Invalid) as raised:
        checked(Named, {"name": "too long"})
    assert explain(raised.value, "en") == "name: String should have at most 3 characters"
    roles = Forbidden(Reason("this needs one of the roles: {roles}", roles="regulator, inspector"))
    assert explain(roles, "en") == "this needs one of the roles: regulator, inspector"
    assert explain(roles, "zh") == "只有这些身份可以办理：监管员、执法队员"
    with pytest.raises(Invalid) as beyond:
        checked(Named, {"name": "day", "at": "9999-12-31T23:59:59-23:00"})
    assert explain(beyond.value, "en") == "at: must lie between the years 1900 and 9999"
    assert explain(beyond.value, "zh").endswith("应在 1900 年至 9999 年之间")
    assert explain(raised.value, "zh") == "名称：最多 3 个字"
    assert field_name("somewhere[2].name") == field_name("somewhere.2.name") == "somewhere 3 名称"
