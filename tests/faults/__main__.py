"""`deploy/run faults`: kill parts of a suite at random under load, then hold what was acknowledged against what is stored.

Every part of the choice comes from the seed, which is printed. The exit code is 1 where anything is missing or too much, or
where too little was counted to mean anything.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.faults import away
from tests.faults.run import Outcome, run, suite_of


def main() -> int:
    parser = argparse.ArgumentParser(prog="faults", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="default: any")
    parser.add_argument(
        "--away", action="store_true", help="instead: the database is stopped, then killed, for so long"
    )
    parser.add_argument("--rate", type=int, default=2000, help="with --away: messages a second (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="yg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        if options.away:
            return _away(Path(folder), options.seconds, options.rate)
        print(f"seed {options.seed}")
        return _kills(Path(folder) / "data", options.seconds, options.seed)


def _kills(data: Path, seconds: float, seed: int) -> int:
    suite = suite_of(data)
    suite.start()
    began = time.monotonic()
    try:
        outcome = asyncio.run(run(suite, seconds, seed))
    finally:
        suite.stop()
    print(f"{sum(outcome.killed.values())} kills in {time.monotonic() - began:.0f} s: {outcome.killed}")
    print(f"{outcome.ledger.count()} messages acknowledged: {outcome.ledger.counts()}")
    print(f"{len(outcome.relayed.statuses)} statuses passed on, {outcome.ledger.lost_connections} connections lost")
    return _told(outcome)


def _told(outcome: Outcome) -> int:
    for line in outcome.wrong:
        print(line, file=sys.stderr)
    counted = outcome.killed and all(outcome.ledger.counts().values()) and outcome.relayed.statuses
    if not counted:
        print("counted too little to mean anything", file=sys.stderr)
    elif not outcome.wrong:
        print("each is stored exactly once")
    return 0 if counted and not outcome.wrong else 1


def _away(folder: Path, seconds: float, rate: int) -> int:
    wrong = [line for how in away.WAYS for line in away.measure(folder / how, how, seconds, rate)]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
