"""Documents: four kinds told by content, kept once and as they came, given so that no browser runs them."""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, Form, Response, UploadFile

from youguan.auth import Principal, TokenIssuer, generate_keys
from youguan.database import create_pool
from youguan.disk import Interrupted
from youguan.documents import IMAGES, Document, Shelf, media_type, shown_name
from youguan.errors import Invalid, TooLarge, Unavailable
from youguan.parts import Parts
from youguan.settings import Settings
from youguan.web.application import api, application
from youguan.web.documents import give, take
from youguan.web.security import SESSION_COOKIE, require

PRIVATE, PUBLIC = generate_keys()
LARGEST = 200_000
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 400
PHOTO = b"\xff\xd8\xff\xe1\x00\x10Exif\x00\x00" + b"GPS" * 100
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 50
WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8 " + b"\0" * 50


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PDF, "application/pdf"),
        (PHOTO, "image/jpeg"),
        (PNG, "image/png"),
        (WEBP, "image/webp"),
        (b"<html><script>alert(1)</script>", None),
        (b"\n%PDF-1.7", None),
        (b"RIFF\x10\x00\x00\x00WAVE", None),
        (b"PK\x03\x04", None),
        (b"", None),
    ],
)
def test_a_kind_is_told_by_the_content(content: bytes, kind: str | None) -> None:
    assert media_type(content[:16]) == kind


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("验收 报告.pdf", "验收 报告.pdf"),
        ("C:\\scans\\a.pdf", "a.pdf"),
        ("../../etc/passwd", "passwd"),
        ('a"\r\nX: y.pdf', 'a"X: y.pdf'),
        ("a" * 500, "a" * 200),
        (None, ""),
    ],
)
def test_a_name_is_only_shown(name: str | None, shown: str) -> None:
    assert shown_name(name) == shown


async def pieces(content: bytes, size: int = 7_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(Settings(data_dir=tmp_path, largest_document_bytes=LARGEST), "registry")


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_nobody_else_on_the_machine_reads_it(shelf: Shelf) -> None:
    kept = await shelf.keep(pieces(PDF), "a.pdf")
    assert shelf.path(kept.sha256).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("size", [1, 5, 100_000])
async def test_a_document_is_kept_once_and_as_it_came(shelf: Shelf, tmp_path: Path, size: int) -> None:
    first = await shelf.keep(pieces(PHOTO, size), "现场.jpg")
    assert first == Document(hashlib.sha256(PHOTO).hexdigest(), len(PHOTO), "image/jpeg", "现场.jpg")
    again = await shelf.keep(pieces(PHOTO), None)
    assert (again.sha256, again.name) == (first.sha256, "document.jpg")
    assert [path.read_bytes() for path in files(tmp_path)] == [PHOTO]


@pytest.mark.parametrize(
    ("content", "error"), [(PDF + b"x" * LARGEST, TooLarge), (b"MZ" * 99, Invalid), (b"", Interrupted)]
)
async def test_what_is_refused_leaves_nothing(
    shelf: Shelf, tmp_path: Path, content: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await shelf.keep(pieces(content), "x.pdf")
    assert files(tmp_path) == []


async def test_a_kind_that_is_not_wanted_leaves_nothing(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="must be a JPEG, PNG or WebP file"):
        await shelf.keep(pieces(PDF), "x.pdf", kinds=IMAGES)
    assert files(tmp_path) == []


async def test_what_nothing_refers_to_is_removed_after_a_day(shelf: Shelf, tmp_path: Path, database_url: str) -> None:
    kept = [await shelf.keep(pieces(PHOTO + bytes([n])), None) for n in range(4)]
    in_a_column, in_a_record, fresh, nowhere = kept
    for document in (in_a_column, in_a_record, nowhere):
        os.utime(shelf.path(document.sha256), (0, 0))
    async with await create_pool(database_url) as pool:
        await pool.execute(
            """
            INSERT INTO registry.site_photo (site_id, caption, sha256, size_bytes, media_type, name, added_at, added_by)
            VALUES ('s', '', $1, 1, '', '', now(), '')
            """,
            in_a_column.sha256,
        )
        await pool.execute(
            "INSERT INTO registry.provenance VALUES ('site', 's', $1)", {"parts": [{"sha256": in_a_record.sha256}]}
        )
        assert await shelf.drop_unreferenced(pool) == 1
        assert await shelf.drop_unreferenced(pool) == 0
    assert {path.name for path in files(tmp_path)} == {d.sha256 for d in (in_a_column, in_a_record, fresh)}


async def test_what_came_again_meanwhile_stays(shelf: Shelf, tmp_path: Path) -> None:
    document = await shelf.keep(pieces(PHOTO), None)
    assert not shelf._drop(shelf.path(document.sha256))
    assert [path.name for path in files(tmp_path)] == [document.sha256]


def test_a_content_of_before_is_still_found(shelf: Shelf, tmp_path: Path) -> None:
    sha256 = hashlib.sha256(PHOTO).hexdigest()
    (tmp_path / "files" / "documents").mkdir(parents=True)
    (tmp_path / "files" / "documents" / sha256).write_bytes(PHOTO)
    assert shelf.path(sha256).read_bytes() == PHOTO


def test_a_content_that_is_not_there(shelf: Shelf) -> None:
    with pytest.raises(Unavailable):
        shelf.path("0" * 64)
    with pytest.raises(ValueError):
        shelf.path("../incoming")


@pytest.fixture
async def client(database_url: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A service that keeps one document a name, for whoever is logged in."""
    settings = Settings(
        database_url=database_url, token_public_key=PUBLIC, data_dir=tmp_path, largest_document_bytes=LARGEST
    )
    shelf, kept = Shelf(settings, "registry"), dict[str, Document]()
    app = api("papers")

    @app.post("/papers/{name}", status_code=201)
    async def bring(
        name: str, file: UploadFile, note: Annotated[str, Form()], _: Annotated[Principal, Depends(require())]
    ) -> str:
        kept[name] = await take(shelf, file)
        return note

    @app.get("/papers/{name}")
    async def fetch(name: str) -> Response:
        return give(shelf, kept[name])

    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(await create_pool(database_url))
        parts = Parts("papers", {"/api": app}, documents=["/api/papers/"])
        transport = httpx.ASGITransport(application([parts], settings, pool), raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://suite.example", headers=bearer())
        yield await stack.enter_async_context(client)


def token() -> str:
    return TokenIssuer(PRIVATE, timedelta(days=1)).issue(
        subject="x", name="x", roles=frozenset({"operator"}), organisation_id="o", division=None, now=datetime.now(UTC)
    )


def bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {token()}"}


async def test_a_document_comes_and_goes_whole(client: httpx.AsyncClient) -> None:
    content = PDF + b"%%EOF"
    sent = {"file": ("合同 1.pdf", content, "text/html")}
    answer = await client.post("/api/papers/a", files=sent, data={"note": "第一份"})
    assert (answer.status_code, answer.json()) == (201, "第一份"), answer.text
    got = await client.get("/api/papers/a")
    assert got.content == content
    assert got.headers["content-type"] == "application/pdf"
    assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''%E5%90%88%E5%90%8C%201.pdf"
    assert "sandbox" in got.headers["content-security-policy"]
    assert got.headers["x-content-type-options"] == "nosniff"
    part = await client.get("/api/papers/a", headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b"PDF")


async def test_a_photo_is_shown(client: httpx.AsyncClient) -> None:
    await client.post("/api/papers/p", files={"file": ("p.exe", PHOTO)}, data={"note": "n"})
    got = await client.get("/api/papers/p")
    assert got.headers["content-type"] == "image/jpeg"
    assert got.headers["content-disposition"].startswith("inline;")


async def test_a_form_is_no_longer_than_it_may_be(client: httpx.AsyncClient) -> None:
    large = {"file": ("x.pdf", PDF + b"x" * (LARGEST + 100_000))}
    answer = await client.post("/api/papers/a", files=large, data={"note": "n"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    barely = {"file": ("x.pdf", PDF + b"x" * (LARGEST + 1 - len(PDF)))}
    assert (await client.post("/api/papers/a", files=barely, data={"note": "n"})).status_code == 413
    form = client.build_request("POST", "/api/papers/a", files={"file": ("x.pdf", PDF)}, data={"note": "n"})
    kind = {"content-type": form.headers["content-type"]}
    unannounced = await client.post("/api/papers/a", content=pieces(await form.aread()), headers=kind)
    assert (unannounced.status_code, unannounced.json()["code"]) == (411, "length_required")
    wrong = await client.post("/api/papers/a", files={"file": ("x.pdf", b"<svg>")}, data={"note": "n"})
    assert (wrong.status_code, wrong.json()["fields"][0]["field"]) == (422, "file")


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://suite.example", 201), ("http://elsewhere.example", 403), ("null", 403), (None, 403)],
)
async def test_a_form_with_a_cookie_comes_from_a_page_of_ours(
    client: httpx.AsyncClient, origin: str | None, status: int
) -> None:
    headers = {"Origin": origin} if origin else {}
    del client.headers["Authorization"]
    client.cookies.set(SESSION_COOKIE, token())
    sent = {"file": ("x.pdf", PDF)}
    answer = await client.post("/api/papers/a", files=sent, data={"note": "n"}, headers=headers)
    assert answer.status_code == status
