"""What a generated year comes to. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Totals:
    """How much of everything there is to be; the figures of the programme's report of 2023 unless told otherwise."""

    year: int = 2023
    penalty_cases: int = 3500
    simple_procedure: int = 2988
    fast_track: int = 400
    non_contact: int = 90
    joint_inspections: int = 373
    premises_inspected: int = 9156
    items_covered: int = 2524
    visits_saved: int = 4765

    def part(self, of: int) -> "Totals":
        """Return a smaller year of the same shape."""
        runs = max(self.joint_inspections // of, 1)
        return Totals(
            self.year, self.penalty_cases // of, self.simple_procedure // of, self.fast_track // of,
            max(self.non_contact // of, 1), runs, self.premises_inspected // of, 6 * runs + runs // 2,
            self.visits_saved // of,
        )  # fmt: skip


def shares(total: int, parts: int) -> list[int]:
    """Return a total in so many parts that differ by one at the most."""
    return [total // parts + (n < total % parts) for n in range(parts)]
