"""Documents over HTTP: taken from forms of the type multipart/form-data, given so that no browser runs what is in them."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from typing import IO
from urllib.parse import quote

from fastapi.responses import FileResponse
from starlette.datastructures import UploadFile

from youguan.documents import IMAGES, KINDS, Document, Shelf

AT_ONCE = 256 * 1024
INERT = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


async def take(shelf: Shelf, upload: UploadFile, *, kinds: Sequence[str] = KINDS, field: str = "file") -> Document:
    """Keep what a form brings. Ask before whether its sender may bring it.

    The address must begin with one of its service's `Parts.documents`: only there bodies may be so large.
    """
    return await shelf.keep(_chunks(upload), upload.filename, kinds=kinds, field=field)


async def _chunks(upload: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await upload.read(AT_ONCE):
        yield chunk


def give(shelf: Shelf, document: Document) -> FileResponse:
    """Return a document: photos are shown, the rest is saved; its hash goes with it, and nothing in it is run."""
    shown = "inline" if document.media_type in IMAGES else "attachment"
    digest = base64.b64encode(bytes.fromhex(document.sha256)).decode()
    headers = {
        "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(document.name, safe='')}",
        "Content-Security-Policy": INERT,
        "Content-Encoding": "identity",  # compressed it would not be what the hash is of
        "Cross-Origin-Resource-Policy": "same-origin",
        "ETag": f'"{document.sha256}"',
        "Repr-Digest": f"sha-256=:{digest}:",
        "Cache-Control": "no-store",
    }
    return FileResponse(shelf.path(document.sha256), media_type=document.media_type, headers=headers)


async def pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    """Yield a file bit by bit, and close it."""
    try:
        while piece := await asyncio.to_thread(file.read, AT_ONCE):
            yield piece
    finally:
        file.close()
