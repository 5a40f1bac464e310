"""What one decision imposes: one sanction, or several at once where the basis carries them together (并处). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from inspection_service.law.catalogue import FINE


@dataclass(frozen=True, slots=True)
class Imposed:
    """Kinds of sanctions, each once; how much is fined, how much of illegal gains and which goods are confiscated."""

    kinds: tuple[str, ...] = ()
    fine_fen: int = 0
    gains_fen: int = 0
    goods: tuple[str, ...] = ()

    @property
    def takes_money(self) -> bool:
        """Say whether it fines; an amount that comes without the kind is a fine all the same."""
        return FINE in self.kinds or self.fine_fen > 0

    def no_heavier_than(self, other: "Imposed") -> bool:
        """Say whether the other one has every kind of this one, and takes as much at the least."""
        kinds_and_goods = set(self.kinds) <= set(other.kinds) and set(self.goods) <= set(other.goods)
        return kinds_and_goods and self.fine_fen <= other.fine_fen and self.gains_fen <= other.gains_fen


NOTHING = Imposed()


def kinds_of(sanction: str | None, also: Iterable[str]) -> tuple[str, ...]:
    """Return every kind once, the first first."""
    return tuple(dict.fromkeys((*((sanction,) if sanction else ()), *also)))
