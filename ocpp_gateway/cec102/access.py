"""The secrets of both directions, sealed at rest: a dump of the database does not open them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ocpp_gateway.cec102.envelope import Secrets
from ocpp_gateway.commands.sealing import Sealer
from youguan.errors import Unavailable


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """What a platform calls us with, and what we call it with (None: we never do)."""

    inbound: Secrets
    outbound: Secrets | None = None


def seal(sealer: Sealer, operator_id: str, keys: Keys) -> bytes:
    """Return secrets that only we can read, for this platform alone; Unavailable without the suite's own secret."""
    outbound = asdict(keys.outbound) if keys.outbound else None
    return sealer.seal(_name(operator_id), {"in": asdict(keys.inbound), "out": outbound})


def unseal(sealer: Sealer, operator_id: str, sealed: bytes) -> Keys:
    """Return sealed secrets; Unavailable where the suite's secret has changed since."""
    opened: Mapping[str, Any] | None = sealer.open(_name(operator_id), sealed)
    if opened is None:
        raise Unavailable(f"the secrets of {operator_id} were sealed under another YOUGUAN_STATION_KEY_SECRET")
    return Keys(Secrets(**opened["in"]), Secrets(**opened["out"]) if opened["out"] else None)


def _name(operator_id: str) -> str:
    return f"platform/{operator_id}"
