"""A page's form, filled again with what was typed into it when it was refused.

It works on the page as it is rendered, so that no template says a second time what each of its fields was given.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from itertools import accumulate
from urllib.parse import urljoin, urlsplit

from youguan.web.storable import storable

Typed = Mapping[str, Sequence[str]]
"""What was sent: field → its values, files left out."""

Attributes = Mapping[str, str | None]
NOT_TYPED = frozenset({"hidden", "password", "file", "submit", "button", "image", "reset"})
RENEWED = frozenset({"csrf", "key", "seen"})
"""Hidden fields that differ each time a page is shown; all others say what a form is about."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A start tag: where it stands in the page, and what it says."""

    name: str
    attributes: Attributes
    begin: int
    end: int

    def __str__(self) -> str:
        said = (name if value is None else f'{name}="{escape(value)}"' for name, value in self.attributes.items())
        return f"<{' '.join([self.name, *said])}>"

    def given(self, *without: str, **attributes: str | None) -> str:
        """Return the tag with other attributes."""
        kept = {name: value for name, value in self.attributes.items() if name not in without}
        return str(Tag(self.name, {**kept, **attributes}, self.begin, self.end))

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name, default) or default


@dataclass(slots=True)
class Field:
    """An input, select or textarea; of a select its options with their texts, of a textarea where its text ends."""

    tag: Tag
    label: str
    options: list[tuple[Tag, str]] = field(default_factory=list)
    end: int = 0

    @property
    def name(self) -> str:
        return self.tag.get("name")


@dataclass(slots=True)
class Form:
    """A form with what surrounds it folded or not."""

    tag: Tag
    folds: Sequence[Tag] = ()
    hidden: dict[str, str] = field(default_factory=dict)
    fields: list[Field] = field(default_factory=list)


class Reader(HTMLParser):
    """Finds the forms of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._lines = [0, *accumulate(len(line) + 1 for line in html.split("\n"))]
        self._open: Form | None = None
        self._folds: list[Tag] = []
        self._label: list[str] | None = None
        self._field: Field | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        begin = self._here()
        found = Tag(tag, dict(attrs), begin, begin + len(self.get_starttag_text() or ""))
        match tag:
            case "form":
                self._open = Form(found, tuple(self._folds))
                self.forms.append(self._open)
            case "details":
                self._folds.append(found)
            case "label":
                self._label = []
            case "option" if self._field is not None:
                self._field.options.append((found, ""))
            case "input" | "select" | "textarea":
                self._take(found)

    def handle_endtag(self, tag: str) -> None:
        match tag:
            case "form":
                self._open = None
            case "details" if self._folds:
                self._folds.pop()
            case "label":
                self._label = None
            case "select" | "textarea" if self._field is not None:
                self._field.end = self._here()
                self._field = None

    def handle_data(self, data: str) -> None:
        if self._field is not None:
            if self._field.options:
                tag, text = self._field.options[-1]
                self._field.options[-1] = (tag, text + data)
        elif self._label is not None:
            self._label.append(data)

    def _here(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def _take(self, tag: Tag) -> None:
        form = self._form_of(tag)
        label = " ".join("".join(self._label or ()).split())
        found = Field(tag, label)
        if tag.name != "input":
            self._field = found
        if form is None:
            return
        if tag.get("type") == "hidden":
            form.hidden[tag.get("name")] = tag.get("value")
        elif tag.get("type") not in NOT_TYPED:
            form.fields.append(found)

    def _form_of(self, tag: Tag) -> Form | None:
        name = tag.get("form")
        if not name:
            return self._open
        return next((form for form in self.forms if form.tag.get("id") == name), None)


def form_sent(html: str, page: str, address: str, typed: Typed) -> Form | None:
    """Return the form of the page at `page` that was sent to `address`: about the same, by its hidden fields."""
    for form in Reader(html).forms:
        to = urlsplit(urljoin(page, form.tag.get("action", page))).path
        if form.tag.get("method").lower() == "post" and to == urlsplit(address).path and _same(form.hidden, typed):
            return form
    return None


def _same(hidden: Mapping[str, str], typed: Typed) -> bool:
    return all(value in typed.get(name, [value]) for name, value in hidden.items() if name not in RENEWED)


def refilled(html: str, form: Form, typed: Typed, action: str, wrong: Collection[str] = (), said: str = "") -> str:
    """Return the page with a form that says what was typed, unfolded, sent to `action`, with `said` (HTML) at its beginning."""
    edits = [(fold.begin, fold.end, fold.given(open=None)) for fold in form.folds]
    edits.append((form.tag.begin, form.tag.end, form.tag.given(action=action) + said))
    taken: dict[str, int] = {}
    for each in form.fields:
        values = typed.get(each.name)
        if values is None and each.tag.get("type") != "checkbox":
            continue
        place = taken[each.name] = taken.get(each.name, -1) + 1
        edits += _edits(each, [storable(value) for value in values or ()], place, each.name in wrong)
    return _edited(html, edits)


def _edits(each: Field, values: Sequence[str], place: int, wrong: bool) -> Iterator[tuple[int, int, str]]:
    """Yield what changes in one field, the `place`-th of its name."""
    tag, marks = each.tag, {"aria-invalid": "true"} if wrong else {}
    value = values[place] if place < len(values) else ""
    match tag.name, tag.get("type"):
        case "textarea", _:
            # The line break at the beginning of a textarea is none of its text.
            yield tag.begin, each.end, f"{tag.given(**marks)}\n{escape(value)}"
        case "select", _:
            yield tag.begin, tag.end, tag.given(**marks)
            chosen = values if "multiple" in tag.attributes else [value]
            for option, text in each.options:
                said = option.attributes.get("value")
                ticked = (" ".join(text.split()) if said is None else said) in chosen
                yield option.begin, option.end, option.given("selected", **({"selected": None} if ticked else {}))
        case _, "checkbox" | "radio":
            ticked = tag.get("value", "on") in values
            yield tag.begin, tag.end, tag.given("checked", **({"checked": None} if ticked else {}), **marks)
        case _:
            yield tag.begin, tag.end, tag.given(value=value, **marks)


def _edited(html: str, edits: Iterable[tuple[int, int, str]]) -> str:
    parts, at = [], 0
    for begin, end, text in sorted(edits):
        parts += [html[at:begin], text]
        at = end
    return "".join([*parts, html[at:]])
