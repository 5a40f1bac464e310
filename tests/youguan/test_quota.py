"""What may come within a day."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from youguan.errors import TooManyRequests
from youguan.quota import Brought, Quota, refuse_beyond

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
QUOTA = Quota(10, 5 * 1024**2)


@pytest.mark.parametrize(
    ("brought", "files", "size_bytes", "said"),
    [
        (Brought(), 10, 5 * 1024**2, None),
        (Brought(9, 0, NOW), 1, 0, None),
        (Brought(9, 1024**2, NOW - timedelta(hours=23)), 2, 0, "1 files and 4 MiB are left, more in 3600 s"),
        (Brought(10, 0, NOW - timedelta(days=1)), 1, 1, "0 files and 5 MiB are left, more in 1 s"),
        (Brought(1, 4 * 1024**2, NOW), 1, 2 * 1024**2, "9 files and 1 MiB are left, more in 86400 s"),
        (Brought(12, 9 * 1024**2, NOW), 1, 1, "0 files and 0 MiB are left"),
    ],
)
def test_what_is_left_is_said(brought: Brought, files: int, size_bytes: int, said: str | None) -> None:
    if said is None:
        refuse_beyond(QUOTA, brought, files, size_bytes, NOW)
        return
    with pytest.raises(TooManyRequests, match=said) as refused:
        refuse_beyond(QUOTA, brought, files, size_bytes, NOW)
    assert int(refused.value.headers["Retry-After"]) >= 1


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3 * 1024**2)), max_size=20))
def test_no_order_of_uploads_goes_beyond(uploads: list[tuple[int, int]]) -> None:
    brought = Brought(first_at=NOW)
    for files, size_bytes in uploads:
        try:
            refuse_beyond(QUOTA, brought, files, size_bytes, NOW)
        except TooManyRequests:
            continue
        brought = Brought(brought.files + files, brought.size_bytes + size_bytes, NOW)
    assert brought.files <= QUOTA.files
    assert brought.size_bytes <= QUOTA.size_bytes
