"""What the frames of 云快充 1.6 say, and what they are answered: pure. Layouts by the transcription of its V1.6.

A pile (桩) is a charging station, its number seven bytes of BCD; a gun (枪) a connector.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from youguan.clock import COUNTY

LOGIN, LOGIN_ANSWER = 0x01, 0x02
HEARTBEAT, HEARTBEAT_ANSWER = 0x03, 0x04
TARIFF, TARIFF_ANSWER = 0x05, 0x06
REALTIME = 0x13
HANDSHAKE = 0x15
START_ASKED = 0x31
TRADE, TRADE_ANSWER = 0x3B, 0x40
TIME_SET, TIME = 0x55, 0x56
MOST_GUNS = 20
LARGEST_KWH = 100_000.0

# The bits of the hardware faults, the lowest first.
FAULTS = (
    "EmergencyStop", "NoRectifier", "OutletOverheated", "LightningProtection", "DC20Lost", "FC08Lost", "MeterLost",
    "CardReaderLost", "RC10Lost", "FanBoard", "Fuse", "Contactor", "DoorOpen",
)  # fmt: skip
OFFLINE, FAULTED, IDLE, CHARGING = range(4)


class Unusable(Exception):
    """A message that cannot be used: the field and the reason."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")


class Login(NamedTuple):
    """A pile introduces itself; `protocol` as `1.6`."""

    pile: str
    direct_current: bool
    guns: int
    protocol: str
    program: str


class Heartbeat(NamedTuple):
    """A gun is there."""

    pile: str
    gun: int
    faulted: bool


class TariffAsked(NamedTuple):
    """Does the price that the pile has hold?"""

    pile: str
    model: bytes


class Realtime(NamedTuple):
    """How a gun is; `trade_no` None: it does not charge. Temperatures in °C."""

    trade_no: str | None
    pile: str
    gun: int
    status: int
    plugged: bool
    voltage_v: float
    current_a: float
    soc: int
    battery_temperature: int
    minutes: int
    energy_wh: float
    faults: tuple[str, ...]


class Trade(NamedTuple):
    """A charging process that is over; `counted_wh`: what the meter at the gun counted."""

    trade_no: str
    pile: str
    gun: int
    started_at: datetime
    ended_at: datetime
    energy_wh: float
    stop_reason: int


class TimeSet(NamedTuple):
    """The pile has set its clock."""

    pile: str


Said = Login | Heartbeat | TariffAsked | Realtime | Trade | TimeSet


class _Body:
    """A body's fields, one after the other."""

    def __init__(self, body: bytes, kind: int, length: int) -> None:
        if len(body) < length:
            raise Unusable("length", f"a message {kind:02x} has {length} bytes, not {len(body)}")
        self._body = body
        self._at = 0

    def raw(self, length: int) -> bytes:
        found = self._body[self._at : self._at + length]
        self._at += length
        return found

    def number(self, length: int) -> int:
        return int.from_bytes(self.raw(length), "little")

    def digits(self, name: str, length: int) -> str:
        found = self.raw(length).hex()
        if not found.isdecimal():
            raise Unusable(name, f"{found} is no BCD")
        return found

    def gun(self) -> int:
        gun = int(self.digits("gun", 1))
        if not 1 <= gun <= MOST_GUNS:
            raise Unusable("gun", f"{gun} is not from 1 to {MOST_GUNS}")
        return gun

    def moment(self, name: str) -> datetime:
        """Return a CP56Time2a, which is the county's time."""
        told = self.raw(7)
        seconds, milliseconds = divmod(int.from_bytes(told[:2], "little"), 1000)
        minute, hour, day, month, year = told[2] & 0x3F, told[3] & 0x1F, told[4] & 0x1F, told[5] & 0x0F, told[6] & 0x7F
        try:
            return datetime(2000 + year, month, day, hour, minute, seconds, milliseconds * 1000, COUNTY)
        except ValueError:
            raise Unusable(name, f"{told.hex()} is no time") from None


def read(kind: int, body: bytes) -> Said | None:
    """Return what a frame says; None: nothing that a supervisor needs. Unusable names field and reason."""
    reader = READERS.get(kind)
    return None if reader is None else reader(body)


def _login(body: bytes) -> Login:
    fields = _Body(body, LOGIN, 30)
    pile, direct_current, guns = fields.digits("pile", 7), fields.number(1) == 0, fields.number(1)
    protocol = fields.number(1) / 10
    program = fields.raw(8).rstrip(b"\x00").decode("ascii", errors="replace")
    return Login(pile, direct_current, guns, f"{protocol:.1f}", program if program.isprintable() else "")


def _heartbeat(body: bytes) -> Heartbeat:
    fields = _Body(body, HEARTBEAT, 9)
    return Heartbeat(fields.digits("pile", 7), fields.gun(), fields.number(1) != 0)


def _tariff(body: bytes) -> TariffAsked:
    fields = _Body(body, TARIFF, 9)
    return TariffAsked(fields.digits("pile", 7), fields.raw(2))


def _realtime(body: bytes) -> Realtime:
    fields = _Body(body, REALTIME, 60)
    trade_no, pile, gun, status = fields.digits("trade", 16), fields.digits("pile", 7), fields.gun(), fields.number(1)
    if status not in (OFFLINE, FAULTED, IDLE, CHARGING):
        raise Unusable("status", f"{status} is none of 0, 1, 2, 3")
    fields.raw(1)  # whether the gun is in its holder
    plugged = fields.number(1) == 1
    voltage, current = fields.number(2) / 10, fields.number(2) / 10
    fields.raw(9)  # the cable's temperature and code
    soc, battery, minutes = fields.number(1), fields.number(1) - 50, fields.number(2)
    fields.raw(2)  # minutes that remain
    energy_wh = fields.number(4) / 10
    fields.raw(8)  # energy with losses, money
    bits = fields.number(2)
    faults = tuple(name for place, name in enumerate(FAULTS) if bits >> place & 1)
    charging = trade_no if trade_no.strip("0") else None
    return Realtime(
        charging, pile, gun, status, plugged, voltage, current, soc, battery, minutes, energy_wh, faults
    )  # fmt: skip


def _trade(body: bytes) -> Trade:
    fields = _Body(body, TRADE, 158)
    trade_no, pile, gun = fields.digits("trade", 16), fields.digits("pile", 7), fields.gun()
    if not trade_no.strip("0"):
        raise Unusable("trade", "is all zeros")
    started_at, ended_at = fields.moment("start"), fields.moment("end")
    if ended_at < started_at:
        raise Unusable("end", "lies before start")
    fields.raw(64 + 10)  # price, energy and money of four rates; the meter's readings, which many piles leave at zero
    energy_wh = fields.number(4) / 10
    if energy_wh > LARGEST_KWH * 1000:
        raise Unusable("energy", f"{energy_wh / 1000:g} kWh is more than {LARGEST_KWH:g}")
    fields.raw(4 + 4 + 17 + 1 + 7)  # energy with losses, money, chassis number, how it was begun, when it was written
    return Trade(trade_no, pile, gun, started_at, ended_at, energy_wh, fields.number(1))


def _time_set(body: bytes) -> TimeSet:
    return TimeSet(_Body(body, TIME_SET, 14).digits("pile", 7))


READERS: Mapping[int, Callable[[bytes], Said]] = {
    LOGIN: _login,
    HEARTBEAT: _heartbeat,
    TARIFF: _tariff,
    REALTIME: _realtime,
    TRADE: _trade,
    TIME_SET: _time_set,
}

# Where a body names a car or a card, or holds somebody's password: (from, until) by kind.
PERSONAL: Mapping[int, tuple[tuple[int, int], ...]] = {
    HANDSHAKE: ((48, 65),),
    START_ASKED: ((10, 51),),
    TRADE: ((124, 141), (150, 158)),
}
# Kinds that name nobody: what a pile says of itself, of its settings and of how a battery is charged.
IMPERSONAL = frozenset(
    {
        LOGIN, HEARTBEAT, TARIFF, 0x09, REALTIME, 0x17, 0x19, 0x1B, 0x1D, 0x21, 0x23, 0x25, 0x33, 0x35, 0x51, TIME_SET, 0x57,
        0x61, 0x63, 0x91, 0x93,
    }
)  # fmt: skip


def without_persons(kind: int, body: bytes) -> bytes:
    """Return a body with the numbers of car and card blanked; all of a body of which nobody knows where they would stand."""
    if kind not in IMPERSONAL and kind not in PERSONAL:
        return bytes(len(body))
    for begins, ends in PERSONAL.get(kind, ()):
        body = body[:begins] + bytes(len(body[begins:ends])) + body[ends:]
    return body


# --- answers ----------------------------------------------------------------------------------------------------


def login_answer(pile: str, *, accepted: bool) -> bytes:
    """Return the body that answers a login."""
    return bytes.fromhex(pile) + bytes((int(not accepted),))


def heartbeat_answer(said: Heartbeat) -> bytes:
    """Return the body that answers a heartbeat."""
    return bytes.fromhex(f"{said.pile}{said.gun:02d}00")


def tariff_answer(said: TariffAsked) -> bytes:
    """Return the body that lets the pile keep its price: a supervisor sets none."""
    return bytes.fromhex(said.pile) + said.model + b"\x00"


def trade_answer(trade_no: str, *, kept: bool) -> bytes:
    """Return the body that answers a trade: the pile forgets what is kept."""
    return bytes.fromhex(trade_no) + bytes((int(not kept),))


def time_of(pile: str, now: datetime) -> bytes:
    """Return the body that sets a pile's clock."""
    local = now.astimezone(COUNTY)
    milliseconds = local.second * 1000 + local.microsecond // 1000
    weekday = local.isoweekday() << 5 | local.day
    told = milliseconds.to_bytes(2, "little") + bytes(
        (local.minute, local.hour, weekday, local.month, local.year % 100)
    )
    return bytes.fromhex(pile) + told
