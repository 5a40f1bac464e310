"""What MQTT messages mean, as data: which topics, which members, which observations. Pure."""

import re
import tomllib
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ocpp_gateway.adapters import ocpp16, ocpp201
from youguan.errors import FieldError, Invalid

CONDITIONS = {**ocpp16.CONDITIONS, **ocpp201.CONDITIONS}
LEVEL = re.compile(r"\{([a-z_]+)\}")
STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def _path(text: str) -> str:
    if text.startswith("$") and STEP.sub("", text[1:]):
        raise ValueError(f"{text}: not a path such as $.member.list[0]")
    return text


def _pattern(text: str) -> str:
    for level in text.split("/"):
        if not LEVEL.fullmatch(level) and (not level or set(level) & set("+#{}")):
            raise ValueError(f"{text}: each level is a word or {{name}}")
    return text


Source = Annotated[str, AfterValidator(_path)]
"""Where a value comes from: a path (`$.member`), or a text with names of levels (`{station}`) in it."""


class Rule(BaseModel):
    """What every rule has; `each` names a list to every item of which the rule applies."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    each: Source = "$"
    at: Source | None = Field(default=None, description="the time in the item, where the message's is not meant")
    connector: Source | Annotated[int, Field(ge=0)] | None = None
    optional: bool = Field(default=False, description="a message may leave the value out")


class StatusRule(Rule):
    """A connector's status; `words` gives OCPP's word for theirs."""

    status: Source
    words: dict[str, str] = {}
    error_code: Source | None = None
    error_info: Source | None = None
    vendor_error_code: Source | None = None

    @model_validator(mode="after")
    def _speaks_ocpp(self) -> "StatusRule":
        for theirs, ours in self.words.items():
            if ours not in CONDITIONS:
                raise ValueError(f"words.{theirs}: {ours} is not one of {', '.join(CONDITIONS)}")
        return self


class Measuring(Rule):
    """A number within its plausible range; `words` gives numbers for texts."""

    value: Source
    words: dict[str, float] = {}
    unit: str = ""
    low: float | None = None
    high: float | None = None


class MeterRule(Measuring):
    """A measured value of a charger."""

    measurand: str
    phase: str = ""
    location: str = "Outlet"
    context: str = "Sample.Periodic"


class SensorRule(Measuring):
    """A sensor's value; `alarm` holds from `above` on, until the value is below `clear_below` (default: `above`)."""

    kind: str
    sensor: Source = "{sensor}"
    alarm: Literal["smoke", "water", "overheating", "bay_blocked"] | None = None
    above: float | None = None
    clear_below: float | None = None

    @model_validator(mode="after")
    def _alarms_above(self) -> "SensorRule":
        if (self.alarm is None) != (self.above is None):
            raise ValueError("alarm and above go together")
        if self.above is not None and self.clear_below is not None and self.clear_below > self.above:
            raise ValueError("clear_below lies above `above`")
        return self


class Topic(BaseModel):
    """Topics of one shape, and what their messages say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pattern: Annotated[str, AfterValidator(_pattern)]
    at: Source | None = None
    station: Source = "{station}"
    site: Source = "{site}"
    status: tuple[StatusRule, ...] = ()
    meter: tuple[MeterRule, ...] = ()
    sensor: tuple[SensorRule, ...] = ()

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """What the topic matches, level by level."""
        parts = [f"(?P<{m[1]}>[^/]+)" if (m := LEVEL.fullmatch(p)) else re.escape(p) for p in self.pattern.split("/")]
        return re.compile("/".join(parts))

    @property
    def filter(self) -> str:
        """What the broker is asked for."""
        return LEVEL.sub("+", self.pattern)


class TopicMapping(BaseModel):
    """A whole mapping; of several patterns that match a topic the first counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1]
    topic: tuple[Topic, ...] = Field(min_length=1)

    @property
    def filters(self) -> Sequence[str]:
        """What to subscribe to, each once."""
        return list(dict.fromkeys(topic.filter for topic in self.topic))

    def match(self, topic: str) -> tuple[Topic, dict[str, str]] | None:
        """Return the pattern of a topic and the names of its levels."""
        for candidate in self.topic:
            found = candidate.expression.fullmatch(topic)
            if found:
                return candidate, found.groupdict()
        return None


def read_mapping(text: str) -> TopicMapping:
    """Return the mapping of a TOML text; Invalid names what is wrong with it."""
    try:
        return TopicMapping.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"not TOML: {error}") from None
    except ValidationError as error:
        fields = [
            FieldError(".".join(map(str, e["loc"])), e["msg"].removeprefix("Value error, ")) for e in error.errors()
        ]
        raise Invalid("; ".join(f"{f.field}: {f.reason}" for f in fields), fields=fields) from None
