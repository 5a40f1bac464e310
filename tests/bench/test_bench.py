"""The bench still runs, says what it promises, and what it counts as acknowledged is stored."""

import json
import subprocess
import sys

import pytest

from tests.suite import ROOT

TINY = ("--seconds=0.5", "--connections=20", "--stations=30", "--rate=50")


@pytest.mark.slow
def test_the_bench_prints_one_object_and_every_acknowledged_message_is_a_row() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--json", *TINY], stdout=subprocess.PIPE, check=True, cwd=ROOT
    )
    result = json.loads(done.stdout)
    assert result["acknowledged_per_s"] > 0 < result["stock_acknowledged_per_s"]
    assert 0 < result["ack_p50_ms"] <= result["ack_p99_ms"]
    assert {"youguan", "python"} <= result["versions"].keys()
    assert result["machine"]["cores"] >= 1
    assert result["full"]["processor_us_a_message"].keys() == {"worker", "postgres", "load"}
    stored, acknowledged = result["stored"], result["acknowledged"]
    assert result["full"]["refused"] == result["paced"]["refused"] == 0
    assert stored["telemetry.raw_frame"] == acknowledged
    assert stored["telemetry.status_change"] + stored["telemetry.meter_sample"] // 6 == acknowledged
