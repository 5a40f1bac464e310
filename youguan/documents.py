"""Documents and photos that people hand in: kept once, under the hash of their content, and never changed.

A service keeps a `Document` in a table of its own and decides who may see it; the content lies with the service's files in the data
folder, which all web processes share. What was received and then not written down is removed after a day.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from youguan.disk import Content, receive, sweep
from youguan.errors import FieldError, Invalid, Unavailable
from youguan.settings import Settings

SWEEP_S = 6 * 3600.0
UNREFERENCED_S = 24 * 3600.0
LONGEST_NAME = 200
PDF, JPEG, PNG, WEBP = "application/pdf", "image/jpeg", "image/png", "image/webp"
IMAGES = (JPEG, PNG, WEBP)
ENDINGS = {PDF: ".pdf", JPEG: ".jpg", PNG: ".png", WEBP: ".webp"}
NAMES = {PDF: "PDF", JPEG: "JPEG", PNG: "PNG", WEBP: "WebP"}
KINDS = tuple(NAMES)


@dataclass(frozen=True, slots=True)
class Document:
    """What is known of a document; `name` is the sender's word, to be shown and for nothing else."""

    sha256: str
    size_bytes: int
    media_type: str
    name: str


class Shelf:
    """Where the content of a service's documents lies. Exactly as it came: what a camera wrote into a photo is evidence."""

    def __init__(self, settings: Settings, service: str) -> None:
        self._service = service
        self._common = (
            settings.data_dir / "files" / "documents"
        )  # where all services kept theirs before each had a folder
        self._folder = self._common / service
        self._incoming = self._folder / "incoming"
        self._largest_bytes = settings.largest_document_bytes

    async def keep(
        self, chunks: AsyncIterator[bytes], name: str | None, *, kinds: Sequence[str] = KINDS, field: str = "file"
    ) -> Document:
        """Stream a document of one of the kinds to disk, durable before this returns; TooLarge, Interrupted, Invalid of `field`."""

        def place(content: Content) -> Path:
            if media_type(content.beginning) not in kinds:
                wanted = taken(kinds)
                raise Invalid(f"{field}: {wanted}", fields=[FieldError(field, wanted)])
            return self._folder / content.sha256

        content = await receive(self._incoming, chunks, self._largest_bytes, place)
        kind = media_type(content.beginning)
        assert kind is not None
        return Document(content.sha256, content.size_bytes, kind, shown_name(name) or f"document{ENDINGS[kind]}")

    def path(self, sha256: str) -> Path:
        """Return where a content lies; Unavailable where it does not."""
        name = f"{int(sha256, 16):064x}"
        for path in (self._folder / name, self._common / name):
            if path.is_file():
                return path
        raise Unavailable("the content of this document is not in the data folder of this machine")

    async def tidy(self, pool: asyncpg.Pool) -> None:
        """Remove what was left behind by uploads that ended with their process, and what nothing refers to, again and again."""
        while True:
            await sweep(self._incoming)
            await self.drop_unreferenced(pool)
            await asyncio.sleep(SWEEP_S)

    async def drop_unreferenced(self, pool: asyncpg.Pool) -> int:
        """Remove contents that are a day old and that no table of the service refers to; return how many."""
        old = await asyncio.to_thread(self._old)
        if not old:
            return 0
        async with pool.acquire() as connection:
            unreferenced = await _unreferenced(connection, self._service, list(old))
        return sum([await asyncio.to_thread(self._drop, old[sha256]) for sha256 in unreferenced])

    def _old(self) -> dict[str, Path]:
        """Return hash → content of what came long enough ago to have been written down."""
        return {path.name: path for path in self._folder.glob("?" * 64) if _is_old(path)}

    def _drop(self, path: Path) -> bool:
        """Remove a content unless it came again meanwhile."""
        aside = self._incoming / path.name
        self._incoming.mkdir(0o700, exist_ok=True)
        path.rename(aside)
        if not _is_old(aside):
            aside.rename(path)
            return False
        aside.unlink()
        return True


# Whatever is called so, in columns and anywhere in documents: a table that somebody adds refers to its contents like the others.
REFERRING = """
SELECT format(CASE data_type WHEN 'text' THEN 'SELECT %1$I FROM %2$I.%3$I WHERE %1$I = ANY($1)'
              ELSE 'SELECT found #>> ''{}'' FROM %2$I.%3$I, jsonb_path_query(%1$I, ''$.**.sha256'') found' END,
              column_name, table_schema, table_name)
FROM information_schema.columns
WHERE table_schema = $1 AND (data_type = 'jsonb' OR (data_type = 'text' AND strpos(column_name, 'sha256') > 0))
"""


async def _unreferenced(connection: asyncpg.Connection, schema: str, hashes: list[str]) -> list[str]:
    """Return those hashes that no table of a schema names."""
    referring = [row[0] for row in await connection.fetch(REFERRING, schema)]
    rows = await connection.fetch("SELECT unnest($1::text[]) EXCEPT (" + " UNION ALL ".join(referring) + ")", hashes)
    return [row[0] for row in rows]


async def hold_quota(connection: asyncpg.Connection, by: str) -> None:
    """Let whatever else the same person or organisation brings wait until commit: what came in a day is counted and kept in one."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('quota of ' || $1, 0))", by)


def _is_old(path: Path) -> bool:
    return path.stat().st_mtime < time.time() - UNREFERENCED_S


def taken(kinds: Sequence[str]) -> str:
    """Return what a file must be, in words."""
    *others, last = (NAMES[kind] for kind in kinds)
    return f"must be a {', '.join(others)} or {last} file"


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
