"""The root of errors. An error knows its HTTP status and whether trying again can help."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self


class Reason(str):
    """Why something is wrong, in English; `template` and `values` are what other languages say it with."""

    template: str
    values: dict[str, object]

    def __new__(cls, template: str, **values: object) -> Self:
        """Return the reason of a template such as `lies {metres} m outside`."""
        return cls.worded(template.format(**values), template, values)

    @classmethod
    def worded(cls, text: str, template: str, values: Mapping[str, object]) -> Self:
        """Return a reason that somebody else has put into English already."""
        reason = super().__new__(cls, text)
        reason.template, reason.values = template, dict(values)
        return reason

    def __reduce__(self) -> tuple[Any, ...]:
        return reason_again, (str(self), self.template, self.values)


def reason_again(text: str, template: str, values: Mapping[str, object]) -> Reason:
    """Return a reason as it was before it went to another process."""
    return Reason.worded(text, template, values)


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: its name (a path such as `stations[3].power_w`) and the reason."""

    field: str
    reason: str


class YouguanError(Exception):
    """Something went wrong that can be told to whoever asked."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal error"
    retryable: ClassVar[bool] = False

    def __init__(
        self, detail: str = "", *, fields: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.fields = tuple(fields)
        self.headers = dict(headers or {})


class Invalid(YouguanError):
    """The request says something that cannot be."""

    status, code, title = 422, "invalid", "Invalid input"

    @classmethod
    def of(cls, *fields: FieldError) -> Self:
        """Return the error of fields that are wrong, each named with its reason."""
        return cls("; ".join(f"{field.field}: {field.reason}" for field in fields), fields=fields)

    @classmethod
    def about(cls, field: str, reason: str) -> Self:
        """Return the error of the one field that is wrong."""
        return cls.of(FieldError(field, reason))


class Unauthenticated(YouguanError):
    """Nobody is logged in."""

    status, code, title = 401, "unauthenticated", "Login needed"


class Forbidden(YouguanError):
    """Whoever is logged in may not do this."""

    status, code, title = 403, "forbidden", "Not allowed"


class NotFound(YouguanError):
    """There is no such thing."""

    status, code, title = 404, "not_found", "Not found"


class Conflict(YouguanError):
    """The thing is in a state that does not permit this."""

    status, code, title = 409, "conflict", "Conflict"


class TooSlow(YouguanError):
    """A body did not come in time."""

    status, code, title, retryable = 408, "too_slow", "Request timeout", True


class LengthRequired(YouguanError):
    """A body must say beforehand how long it is."""

    status, code, title = 411, "length_required", "Length required"


class TooLarge(YouguanError):
    """More was sent than this address takes."""

    status, code, title = 413, "too_large", "Too large"


class TooManyRequests(YouguanError):
    """Too many tries."""

    status, code, title, retryable = 429, "too_many_requests", "Too many requests", True


class Unavailable(YouguanError):
    """Something needed is away for the moment."""

    status, code, title, retryable = 503, "unavailable", "Unavailable", True
