"""Documents and photos that people hand in: kept once, under the hash of their content, and never changed.

A service keeps a `Document` in a table of its own and decides who may see it; the content lies with the files of the data
folder, which all web processes share. What was received and then not written down stays there, and nothing refers to it.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from youguan.disk import Content, receive, sweep
from youguan.errors import FieldError, Invalid, Unavailable
from youguan.settings import Settings

SWEEP_S = 3600.0
LONGEST_NAME = 200
PDF, JPEG, PNG, WEBP = "application/pdf", "image/jpeg", "image/png", "image/webp"
IMAGES = (JPEG, PNG, WEBP)
ENDINGS = {PDF: ".pdf", JPEG: ".jpg", PNG: ".png", WEBP: ".webp"}
TAKEN = "must be a PDF, JPEG, PNG or WebP file"


@dataclass(frozen=True, slots=True)
class Document:
    """What is known of a document; `name` is the sender's word, to be shown and for nothing else."""

    sha256: str
    size_bytes: int
    media_type: str
    name: str


class Shelf:
    """Where the content of documents lies. Exactly as it came: what a camera wrote into a photo is evidence."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.data_dir / "files" / "documents"
        self._incoming = self._folder / "incoming"
        self._largest_bytes = settings.largest_document_bytes

    async def keep(self, chunks: AsyncIterator[bytes], name: str | None, *, field: str = "file") -> Document:
        """Stream a document to disk, durable before this returns; TooLarge, Interrupted, Invalid of `field`."""

        def place(content: Content) -> Path:
            if media_type(content.beginning) is None:
                raise Invalid(f"{field}: {TAKEN}", fields=[FieldError(field, TAKEN)])
            return self._folder / content.sha256

        content = await receive(self._incoming, chunks, self._largest_bytes, place)
        kind = media_type(content.beginning)
        assert kind is not None
        return Document(content.sha256, content.size_bytes, kind, shown_name(name) or f"document{ENDINGS[kind]}")

    def path(self, sha256: str) -> Path:
        """Return where a content lies; Unavailable where it does not."""
        path = self._folder / f"{int(sha256, 16):064x}"
        if not path.is_file():
            raise Unavailable("the content of this document is not in the data folder of this machine")
        return path

    async def tidy(self) -> None:
        """Remove what was left behind by uploads that ended with their process, again and again."""
        while True:
            await sweep(self._incoming)
            await asyncio.sleep(SWEEP_S)


def media_type(beginning: bytes) -> str | None:
    """Say by its first bytes what a content is; None: nothing that is taken."""
    if beginning.startswith(b"%PDF-"):
        return PDF
    if beginning.startswith(b"\xff\xd8\xff"):
        return JPEG
    if beginning.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    return WEBP if beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP" else None


def shown_name(name: str | None) -> str:
    """Return the last part of a name, of letters that can be shown."""
    last = (name or "").replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(letter for letter in last if letter.isprintable()).strip()[:LONGEST_NAME]
