"""Columns as array literals, parameters of type text that the statement casts.

asyncpg looks at each element of an array whether it is iterable itself: PostgreSQL reads a literal in less than half that time.
"""

from collections.abc import Iterable, Sequence


def texts(values: Sequence[str | None]) -> str:
    """Return a literal of text[]."""
    if None not in values:
        joined = '","'.join(values)  # type: ignore[arg-type]
        if joined.count('"') == 2 * (len(values) - 1) and "\\" not in joined:
            return f'{{"{joined}"}}'
    return "{" + ",".join(["NULL" if value is None else _quoted(value) for value in values]) + "}"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def numbers(values: Iterable[int]) -> str:
    """Return a literal of an array of whole numbers."""
    return "{" + ",".join(map(str, values)) + "}"
