"""The command that imports: what it says, and that it leaves nothing where nothing runs."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.commands.__main__ import app


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.delenv("YOUGUAN_DATABASE_URL", raising=False)
    return CliRunner()


def test_without_a_suite_it_says_so_and_leaves_nothing(runner: CliRunner, tmp_path: Path) -> None:
    file = tmp_path / "sites.csv"
    file.write_text("id,longitude,latitude\nn1,121,29\n", encoding="utf-8")
    data = tmp_path / "data"
    done = runner.invoke(app, ["import", "sites", "--data", str(data), str(file)])
    assert (done.exit_code, "nothing runs on" in done.stderr, data.exists()) == (1, True, False)


def test_a_database_that_is_away_is_no_stack_trace(tmp_path: Path) -> None:
    file = tmp_path / "sites.csv"
    file.write_text("id,longitude,latitude\nn1,121,29\n", encoding="utf-8")
    nowhere = {"YOUGUAN_DATABASE_URL": "postgresql://127.0.0.1:1/youguan"}
    done = CliRunner().invoke(app, ["import", "sites", str(file)], env=nowhere)
    assert (done.exit_code, "cannot be reached" in done.stderr) == (1, True)


def test_what_was_taken_is_named(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "sites.csv"
    file.write_bytes("编号;名称;经度;纬度\nn1;跃龙;121;29\nn2;\0;121;29\n".encode("gb18030"))
    done = CliRunner().invoke(app, ["import", "sites", str(file)], env={"YOUGUAN_DATABASE_URL": database_url})
    assert (done.exit_code, done.stdout) == (1, "1 added, 0 changed, 0 unchanged, 1 refused\n")
    assert "GB18030, cells between semicolons" in done.stderr
    assert "sites.csv:3: 名称: holds a control character" in done.stderr
