"""Prints documents with Typst. Its compiler comes as a wheel, its font as a package: nothing of the machine's is used."""

import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import manimgx_fonts_cjk
import orjson
import typst

TEMPLATE = Path(__file__).with_name("document.typ")
FAMILY = "Noto Sans CJK SC"
# PDF/A-2a: kept for decades, read aloud, and refused where the font lacks a character.
STANDARD: Literal["a-2a"] = "a-2a"


class FontMissing(RuntimeError):
    """The font is not there; Typst would use a Latin one without a word."""


class Unprintable(Exception):
    """The font lacks a character of a document; the text says which."""


class Press:
    """Prints one document at a time; FontMissing at once where its font is not there."""

    def __init__(self, folder: Path = Path(manimgx_fonts_cjk.__file__).parent) -> None:
        fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)])
        if FAMILY not in fonts.families():
            raise FontMissing(f"{FAMILY} is not in {folder}")
        self._compiler = typst.Compiler(font_paths=fonts, ignore_system_fonts=True)
        self._template = TEMPLATE.read_bytes()
        self._turn = threading.Lock()

    def pdf(self, number: str, sha256: str, content: Mapping[str, Any], issued_at: datetime) -> bytes:
        """Return a document as PDF, the same bytes for the same document; Unprintable."""
        found = orjson.dumps({"number": number, "sha256": sha256, "content": content}).decode()
        return self.compile(self._template, {"document": found}, issued_at)

    def compile(self, template: bytes, inputs: Mapping[str, str], at: datetime) -> bytes:
        """Return a template filled with inputs, and our font's `family`, as PDF; Unprintable."""
        try:
            with self._turn:
                made = self._compiler.compile(
                    template, format="pdf", sys_inputs={**inputs, "family": FAMILY}, pdf_standards=[STANDARD],
                    timestamp=int(at.timestamp()),
                )  # fmt: skip
        except typst.TypstError as error:
            raise Unprintable(str(error)) from None
        assert isinstance(made, bytes)
        return made
