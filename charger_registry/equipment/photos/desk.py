"""Photos of a site for the public: brought by whoever keeps its file, taken down with who and when on record."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
from fastapi import UploadFile

from charger_registry.equipment.photos import store
from charger_registry.equipment.store import hold_site
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.database import whole
from youguan.documents import IMAGES, Document, Shelf, hold_quota
from youguan.errors import Conflict, Reason
from youguan.quota import A_DAY, DOCUMENTS, refuse_beyond
from youguan.web.documents import take

MOST = 20


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo that is shown, with what it shows."""

    id: int
    caption: str
    document: Document


class PhotoDesk:
    """Takes photos in, shows them, takes them down."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, shelf: Shelf) -> None:
        self._pool = pool
        self._clock = clock
        self.shelf = shelf

    async def bring(
        self, who: Principal, site_id: str, upload: UploadFile, caption: str, *, remote: str | None = None
    ) -> int:
        """Show a photo of a site; whoever asks has been found within bounds.

        Invalid, TooLarge, Conflict where there are many, TooManyRequests where it is too much for a day.
        """
        async with self._pool.acquire() as connection:
            _refuse_many(await store.photos(connection, site_id))
            await self._refuse_beyond_quota(connection, who, upload.size or 0)
        document = await take(self.shelf, upload, kinds=IMAGES)
        return await self._add(who, site_id, document, caption, remote)

    @whole
    async def _add(self, who: Principal, site_id: str, document: Document, caption: str, remote: str | None) -> int:
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            await hold_site(connection, site_id)
            _refuse_many(await store.photos(connection, site_id))
            await hold_quota(connection, who.subject)
            await self._refuse_beyond_quota(connection, who, document.size_bytes)
            members = (document.sha256, document.size_bytes, document.media_type, document.name)
            photo_id = await store.add_photo(connection, (site_id, caption, *members, now, who.subject))
            await audit.record(
                connection, at=now, actor=who.subject, action="add photo", subject=f"site {site_id}",
                after={"photo": photo_id, "sha256": document.sha256, "caption": caption}, remote=remote,
            )  # fmt: skip
        return photo_id

    async def _refuse_beyond_quota(self, connection: asyncpg.Connection, who: Principal, size_bytes: int) -> None:
        now = self._clock.now()
        refuse_beyond(DOCUMENTS, await store.photos_since(connection, who.subject, now - A_DAY), 1, size_bytes, now)

    @whole
    async def take_down(self, who: Principal, site_id: str, photo_id: int, *, remote: str | None = None) -> None:
        """Show a photo no longer. NotFound."""
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            sha256 = await store.end_photo(connection, site_id, photo_id, now, who.subject)
            await audit.record(
                connection, at=now, actor=who.subject, action="remove photo", subject=f"site {site_id}",
                before={"photo": photo_id, "sha256": sha256}, remote=remote,
            )  # fmt: skip

    async def shown(self, site_id: str) -> list[Photo]:
        """Return the photos of a site."""
        async with self._pool.acquire() as connection:
            return [_photo(row) for row in await store.photos(connection, site_id)]

    async def one(self, site_id: str, photo_id: int) -> Document:
        """Return a photo that is shown. NotFound."""
        async with self._pool.acquire() as connection:
            return _photo(await store.get_photo(connection, site_id, photo_id)).document


def _refuse_many(shown: Sequence[asyncpg.Record]) -> None:
    if len(shown) >= MOST:
        raise Conflict(Reason("a site shows at most {most} photos: take one down first", most=MOST))


def _photo(row: asyncpg.Record) -> Photo:
    document = Document(row["sha256"], row["size_bytes"], row["media_type"], row["name"])
    return Photo(row["id"], row["caption"], document)
