"""What the doctor says of a machine and of the suite that runs on it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy import status
from deploy.commands.doctor import app


def test_the_storage_is_shown_and_the_password_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOUGUAN_DATABASE_URL", "postgresql://youguan:geheim@db.example/county")
    options = ["--data", str(tmp_path)]
    assert "nothing has run" in CliRunner().invoke(app, options).stdout
    status.write(tmp_path, status.Status(storage="timescale"))
    said = CliRunner().invoke(app, options).stdout
    assert "storage     timescale" in said
    assert "db.example/county" in said
    assert "geheim" not in said
