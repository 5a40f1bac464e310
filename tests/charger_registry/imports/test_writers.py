"""Exports are written piece by piece: what they need of memory does not grow with the county."""

import tempfile
import tracemalloc
from collections.abc import Iterator

import pytest

from charger_registry.drafts import ConnectorDraft, SiteDraft, StationDraft
from charger_registry.imports.formats import read
from charger_registry.imports.writers import WRITERS

AT_ONCE, STATIONS, KIB = 10, 5, 1024


def sites(first: int, count: int) -> Iterator[SiteDraft]:
    for n in range(first, first + count):
        stations = tuple(
            StationDraft(f"S{n}-{m}", power_w=120_000, connector_files=(ConnectorDraft(1, 1), ConnectorDraft(2, 2)))
            for m in range(STATIONS)
        )
        yield SiteDraft(f"S{n}", f"场站 {n}", 121.4, 29.3, address="示例路" * 20, stations=stations)


def peak_bytes(form: str, count: int) -> int:
    """Return the most that writing so many sites needed, and hold the file to be whole."""
    with tempfile.TemporaryFile() as file:
        tracemalloc.start()
        try:
            writer = WRITERS[form].begin(file)
            for first in range(0, count, AT_ONCE):
                writer.add(sites(first, AT_ONCE))
            writer.finish()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        file.seek(0)
        reading = read(file.read())
    assert (len(reading.sites), reading.refused) == (count, [])
    return peak


@pytest.mark.parametrize("form", WRITERS)
def test_an_export_needs_as_little_memory_for_a_county_as_for_a_town(form: str) -> None:
    town, county = peak_bytes(form, 2 * AT_ONCE), peak_bytes(form, 10 * AT_ONCE)
    assert county < town + 300 * KIB  # the buffers between memory and disk are full by then
