"""What a worker keeps for the next one that starts without the database."""

from datetime import UTC, datetime
from pathlib import Path

from ocpp_gateway.commands.sealing import Sealer
from ocpp_gateway.relay.last_known import KnownSite, LastKnown
from ocpp_gateway.relay.upstreams import Upstream

UNTIL = datetime(2026, 5, 4, 12, tzinfo=UTC)
SITES = [
    KnownSite(Upstream("x", "wss://a.example/", True, False, "PEM"), {"s1": {"d1": None, "d2": UNTIL}, "桩 2": None}),
    KnownSite(Upstream("y", "ws://b.example/"), {}),
]


async def test_what_is_kept_is_read_by_whoever_has_the_secret(tmp_path: Path) -> None:
    await LastKnown(tmp_path / "relay", Sealer("s" * 32)).keep_now(SITES)
    (file,) = (tmp_path / "relay").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert not [word for word in (b"s1", b"d1", b"a.example") if word in file.read_bytes()]
    assert LastKnown(tmp_path / "relay", Sealer("s" * 32)).read() == SITES
    assert LastKnown(tmp_path / "relay", Sealer("t" * 32)).read() == []


async def test_nothing_is_kept_where_nothing_is_passed_on(tmp_path: Path) -> None:
    known = LastKnown(tmp_path / "relay", Sealer("s" * 32))
    await known.keep_now([])
    assert not (tmp_path / "relay").exists()
    await known.keep_now(SITES)
    await known.keep_now([])
    assert known.read() == []


async def test_a_file_that_is_damaged_is_as_none(tmp_path: Path) -> None:
    known = LastKnown(tmp_path, Sealer("s" * 32))
    assert known.read() == []
    await known.keep_now(SITES)
    for content in (b"", b"short", (tmp_path / "known").read_bytes()[:-1]):
        (tmp_path / "known").write_bytes(content)
        assert known.read() == []
