"""Which of the reports that wait for a province go up next, and what comes of how it took them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ocpp_gateway.cec102.filed.directory import profiles_of
from ocpp_gateway.cec102.upward.lanes import outcome_of, ready
from youguan.settings import Settings

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
PROFILE = profiles_of(Settings())["cec-2016"]
LATER = timedelta(minutes=1)


def waiting(*reports: str) -> list[dict[str, Any]]:
    """Return reports of the form `kind operator/site/connector`, numbered from 1; with `!` one that is not due."""
    found = []
    for number, words in enumerate(reports, 1):
        kind, _, place = words.rstrip("!").partition(" ")
        operator, site, connector = place.split("/")
        content: dict[str, Any] = (
            {"OperatorID": operator, "StationID": site} if kind != "power" else {"SupStationPowerInfos": []}
        )
        due_at = NOW + LATER if words.endswith("!") else NOW
        subject = site if kind in ("station", "power") else connector
        found.append(
            {"id": number, "kind": kind, "subject": subject, "content": content, "due_at": due_at, "stumbles": 7}
        )
    return found


@pytest.mark.parametrize(
    ("reports", "goes"),
    [
        ([], []),
        (["status A/1/a", "status A/1/b", "status A/2/c"], [1, 2, 3]),
        (["status A/1/a", "status A/1/a", "order A/1/a"], [1]),
        (["order A/1/a!", "status A/1/a", "status A/1/b"], [3]),
        (["station A/1/", "status A/1/a", "status A/2/b"], [1, 3]),
        (["station A/1/!", "status A/1/a", "station A/1/"], []),
        (["status A/1/a", "station A/1/", "status A/1/b"], [1]),
        (["status A/1/a", "status B/1/a", "station B/1/"], [1, 2]),
        (["charging A/1/a", "power //x", "status A/1/b", "status A/1/a"], [3, 4, 2]),
        ([f"status A/1/{n}" for n in range(9)], [1, 2, 3, 4]),
    ],
)
def test_of_one_connector_one_at_a_time_and_a_sites_file_apart(reports: list[str], goes: list[int]) -> None:
    assert [report["id"] for report in ready(waiting(*reports), NOW, 4)] == goes


@pytest.mark.parametrize(
    ("met", "states", "in_vain"),
    [
        (["taken", "away"], ["taken", "waiting"], False),
        (["away", "away"], ["waiting", "waiting"], True),
        (["misunderstood"], ["waiting"], True),
        (["held", "stumbled", "stumbled"], ["taken", "refused", "refused"], False),
        (["stumbled", "stumbled", "stumbled"], ["refused", "waiting", "waiting"], False),
        (["away", "stumbled", "stumbled"], ["waiting", "refused", "waiting"], False),
        (["refused", "away"], ["refused", "waiting"], False),
    ],
)
def test_what_comes_of_reports_that_were_told_together(met: list[Any], states: list[str], in_vain: bool) -> None:
    """Each has been stumbled at seven times, and eight are the most; where nothing is dealt with one alone pays for it."""
    told = list(zip(waiting(*(f"status A/1/{n}" for n in range(len(met)))), met, strict=True))
    outcome = outcome_of(told, PROFILE)
    assert ([tried.state for tried in outcome.tried], outcome.in_vain) == (states, in_vain)
