"""How much somebody may hand in within a day, so that nobody fills the disk: a rule of what came, what comes and now. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from youguan.errors import Reason, TooManyRequests

A_DAY = timedelta(days=1)
MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Quota:
    """The most that may come within a day."""

    files: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Brought:
    """What came within the last day, and when the first of it."""

    files: int = 0
    size_bytes: int = 0
    first_at: datetime | None = None


DOCUMENTS = Quota(1000, 1024 * MIB)


def refuse_beyond(quota: Quota, brought: Brought, files: int, size_bytes: int, now: datetime) -> None:
    """Refuse so many files more where that is too much for a day; TooManyRequests says what is left, and when more is."""
    left, left_bytes = max(quota.files - brought.files, 0), max(quota.size_bytes - brought.size_bytes, 0)
    if files <= left and size_bytes <= left_bytes:
        return
    wait_s = max(ceil(((brought.first_at or now) + A_DAY - now).total_seconds()), 1)
    said = Reason(
        "a day's {files} files or {most} MiB are used up: {left} files and {left_mib} MiB are left, more in {wait_s} s",
        files=quota.files, most=quota.size_bytes // MIB, left=left, left_mib=left_bytes // MIB, wait_s=wait_s,
    )  # fmt: skip
    raise TooManyRequests(said, headers={"Retry-After": str(wait_s)})
