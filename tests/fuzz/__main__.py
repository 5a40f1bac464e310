"""`deploy/run fuzz`: throw frames at the conversation until the time is up.

Frames are made from the official schemas, then damaged; or from the recorded ones, then cut and mixed; or of nothing at all.
Each must be answered as its version wants, or not at all where it wants that, and nothing else may happen. The first frame
that breaks this is printed, made as small as it can be, and the exit code is 1.
"""

import argparse
import json
import logging
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ocpp_gateway.protocol import schemas
from ocpp_gateway.protocol.frames import CALL, CALLERROR, CALLRESULT, CALLRESULTERROR, ERROR_CODES
from ocpp_gateway.protocol.versions import VERSIONS, Version
from ocpp_gateway.stations.routing import HANDLERS, SENDS
from tests.ocpp_gateway import payloads
from tests.ocpp_gateway.corpus.replay import FILES
from tests.ocpp_gateway.fakes import Talk

ROUND = 300
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
KINDS = st.sampled_from([2] * 12 + [3, 4, 5, 6, 6, 7, -1, "2", None, 2.0])
IDS = st.sampled_from(["1"] * 8 + ["", "x" * 37, 1, None, "\x00"])


def recorded() -> list[bytes]:
    """Return the frames of the corpus."""
    return [step["frame"].encode() for file in FILES for step in json.loads(Path(file).read_text())]


def frames(version: Version) -> st.SearchStrategy[bytes]:
    """Return frames good and bad."""
    actions = sorted({*HANDLERS[version], *SENDS[version]})
    made = st.sampled_from(actions).flatmap(lambda action: made_of(version, action))
    mixed = st.sampled_from(recorded()).flatmap(cut)
    return st.one_of(*[made] * 7, mixed, mixed, JSON.map(dump), st.binary(max_size=80))


def dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def made_of(version: Version, action: str) -> st.SearchStrategy[bytes]:
    """Return frames of an action: as the schema has it, or with a member of another kind."""
    good = payloads.requests(version, action)
    damaged = st.builds(lambda p, m: {**p, **m}, good, st.dictionaries(st.sampled_from(members(version, action)), JSON))
    return st.builds(
        lambda kind, id_, payload: dump([kind, id_, action, payload]),
        KINDS,
        IDS,
        st.one_of(good, good, damaged, JSON),
    )


def members(version: Version, action: str) -> list[str]:
    name = action if action in SENDS[version] else f"{action}{version.request_suffix}"
    return [*payloads.schema(version, name).get("properties", {}), "more"]


def cut(frame: bytes) -> st.SearchStrategy[bytes]:
    """Return a frame with a part of it replaced."""
    place = st.integers(0, len(frame))
    return st.builds(
        lambda a, b, filling: frame[: min(a, b)] + filling + frame[max(a, b) :], place, place, st.binary(max_size=6)
    )


def check(version: Version, raw: bytes) -> str:
    """Play a frame; return what came of it in a word, and fail where that is not allowed."""
    talk = Talk(version)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return "not text"
    talk.session.receive(raw, text)
    talk.recorder.settle()
    assert len(talk.wire.sent) <= 1, "answered twice"
    if not talk.wire.sent:
        kind = orjson.loads(raw)[0]
        assert kind != CALL, "a CALL was not answered"
        return "not answered"
    kind, _, said, *_ = talk.wire.sent[0]
    assert kind in (CALLRESULT, CALLERROR, *([CALLRESULTERROR] if version.complains else [])), kind
    if kind != CALLRESULT:
        assert said in ERROR_CODES - {"InternalError"}, said
        return str(said)
    action = orjson.loads(raw)[2]
    schemas.check(schemas.responses(version)[action], said, version)
    return "accepted"


def run(seconds: float) -> Counter[str]:
    """Fuzz each version in turn until the time is up; return what came of how many frames."""
    outcomes: Counter[str] = Counter()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for version in VERSIONS:
            round_of(version, outcomes)
    return outcomes


def round_of(version: Version, outcomes: Counter[str]) -> None:
    @settings(
        max_examples=ROUND, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink], print_blob=False,
    )  # fmt: skip
    @given(frames(version))
    def play(raw: bytes) -> None:
        outcomes[f"{version.name} {check(version, raw)}"] += 1

    play()


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long (default: %(default)s)")
    seconds = parser.parse_args().seconds
    logging.disable(logging.CRITICAL)
    outcomes: Counter[str] = Counter()
    started = time.monotonic()
    try:
        outcomes = run(seconds)
    except Exception as error:
        print(f"broken: {type(error).__name__}: {error}", *getattr(error, "__notes__", ()), sep="\n", file=sys.stderr)
        return 1
    for name, count in sorted(outcomes.items()):
        print(f"{count:>9}  {name}")
    print(f"{outcomes.total()} frames in {time.monotonic() - started:.0f} s, none broke anything")
    return 0 if outcomes.total() else 1


if __name__ == "__main__":
    sys.exit(main())
