"""Recorded frames in, golden answers and observations out."""

import json
from pathlib import Path

import pytest

from ocpp_gateway.protocol.versions import VERSIONS
from ocpp_gateway.stations.routing import HANDLERS, SENDS
from tests.ocpp_gateway.corpus.replay import FILES, replay, version_of


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_recorded_frames_become_what_they_became(file: Path) -> None:
    steps = json.loads(file.read_text())
    assert replay([step["frame"] for step in steps], version_of(file)) == steps


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_every_action_is_in_the_corpus(version: object) -> None:
    text = "".join(file.read_text() for file in FILES if version_of(file) is version)
    actions = {*HANDLERS[version], *SENDS[version]}  # type: ignore[index]
    assert {action for action in actions if f'\\"{action}\\"' not in text} == set()
