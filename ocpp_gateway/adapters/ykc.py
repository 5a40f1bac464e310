"""云快充 (YKC) 1.6: what a pile says of a gun → observations. Its frames of status have no time of their own."""

from datetime import datetime, timedelta

from ocpp_gateway.observation import (
    Condition,
    MeterKind,
    MeterSampled,
    Observation,
    StatusReported,
    TransactionReported,
)
from ocpp_gateway.ykc.messages import CHARGING, FAULTED, IDLE, OFFLINE, Realtime, Trade
from youguan.clock import effective_time

SOURCE = "ykc"
SETTLED = 2**31 - 1
WORDS = {
    (OFFLINE, False): ("Offline", Condition.UNAVAILABLE),
    (OFFLINE, True): ("Offline", Condition.UNAVAILABLE),
    (FAULTED, False): ("Faulted", Condition.FAULTED),
    (FAULTED, True): ("Faulted", Condition.FAULTED),
    (IDLE, False): ("Available", Condition.AVAILABLE),
    (IDLE, True): ("Occupied", Condition.OCCUPIED),
    (CHARGING, False): ("Charging", Condition.CHARGING),
    (CHARGING, True): ("Charging", Condition.CHARGING),
}
"""(status, plugged) in T/CEC 102's words."""


def status_of(said: Realtime, now: datetime) -> StatusReported:
    """Return a gun's status; faults that do not stop it are told beside it."""
    word, condition = WORDS[said.status, said.plugged]
    faults = ", ".join(said.faults) or None
    code = said.faults[0] if said.faults and condition is Condition.FAULTED else None
    return StatusReported(said.pile, said.gun, now, now, now, word, condition, code, faults, None)


def faulted(pile: str, gun: int, now: datetime) -> StatusReported:
    """Return the status of a gun whose heartbeat says that it is faulted, and no more."""
    return StatusReported(pile, gun, now, now, now, "Faulted", Condition.FAULTED, None, None, None)


def measured(said: Realtime, now: datetime) -> list[Observation]:
    """Return what a charging gun measures, and how its transaction goes."""
    if said.status != CHARGING:
        return []
    values = [("Voltage", "V", said.voltage_v), ("Current.Import", "A", said.current_a)]
    if said.soc:
        values.append(("SoC", "Percent", float(said.soc)))
    found: list[Observation] = [
        MeterSampled(
            said.pile, said.gun, MeterKind(name, "", "Outlet", "Sample.Periodic", unit), now, now, value, said.trade_no
        )
        for name, unit, value in values
    ]
    if said.trade_no is not None:
        started_at = now - timedelta(minutes=said.minutes)
        number = min(int(said.energy_wh * 10) + 1, SETTLED - 1)  # the energy tells a repeat
        found.append(_event(said, said.trade_no, 0, "Started", started_at, now, 0.0))
        found.append(_event(said, said.trade_no, number, "Updated", now, now, said.energy_wh))
    return found


def account_of(said: Trade, now: datetime) -> list[Observation]:
    """Return a charging process that is over: its account, which overrules what was said before."""
    reason = f"{SOURCE} {said.stop_reason:02x}"
    return [
        _event(said, said.trade_no, 0, "Started", said.started_at, now, 0.0),
        _event(said, said.trade_no, SETTLED, "Settled", said.ended_at, now, said.energy_wh, reason),
    ]


def _event(
    said: Realtime | Trade,
    trade_no: str,
    number: int,
    kind: str,
    at: datetime,
    now: datetime,
    energy_wh: float,
    reason: str | None = None,
) -> TransactionReported:
    return TransactionReported(
        said.pile, trade_no, number, kind, said.gun, None, at, effective_time(at, now), now, energy_wh, reason, False,
        lasting_id=True,
    )  # fmt: skip
