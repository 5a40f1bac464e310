"""What the tests on whole suites share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def data_folder() -> Iterator[Path]:
    """A data folder that the account PostgreSQL runs as can reach, so that everything in it goes away with it."""
    with tempfile.TemporaryDirectory(prefix="yg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "data"
