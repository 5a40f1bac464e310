"""Settings: the environment wins over the file, and each service gets its own role."""

from pathlib import Path

import pytest

from youguan.settings import Settings, database_name, role_credentials, with_credentials


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "youguan.toml"
    file.write_text("http_port = 1\nocpp_port = 2\n", encoding="utf-8")
    monkeypatch.setenv("YOUGUAN_SETTINGS_FILE", str(file))
    monkeypatch.setenv("YOUGUAN_OCPP_PORT", "3")
    settings = Settings()
    assert (settings.http_port, settings.ocpp_port) == (1, 3)


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgresql://admin:old@db.example:5433/youguan", "postgresql://u:p%2F%40@db.example:5433/youguan"),
        ("postgresql://admin@/youguan?host=/run/pg", "postgresql://u:p%2F%40@/youguan?host=/run/pg"),
        ("postgresql://localhost/youguan", "postgresql://u:p%2F%40@localhost/youguan"),
    ],
)
def test_credentials_are_put_into_a_dsn(dsn: str, expected: str) -> None:
    assert with_credentials(dsn, "u", "p/@") == expected
    assert database_name(dsn) == "youguan"


def test_without_a_secret_services_share_the_dsn() -> None:
    settings = Settings(database_url="postgresql://localhost/county", role_secret=None)
    assert settings.dsn_for("alerts") == "postgresql://localhost/county"


@pytest.mark.parametrize(
    ("host", "public_url", "expected"),
    [
        ("127.0.0.1", None, "http://127.0.0.1:8000"),
        ("::1", None, "http://[::1]:8000"),
        ("0.0.0.0", None, None),
        ("::", None, None),
        ("0.0.0.0", "https://county.example/", "https://county.example"),
    ],
)
def test_where_stations_reach_us(host: str, public_url: str | None, expected: str | None) -> None:
    assert Settings(http_host=host, public_url=public_url).base_url == expected


def test_services_find_one_another_where_they_listen_everywhere() -> None:
    assert Settings(http_host="0.0.0.0", http_port=8123).inner_url == "http://127.0.0.1:8123"
    assert Settings(http_host="10.0.0.5", http_port=8123).inner_url == "http://10.0.0.5:8123"


def test_roles_differ_by_service_and_database() -> None:
    one, two = "postgresql://localhost/one", "postgresql://localhost/two"
    credentials = {role_credentials(url, "secret", service) for url in (one, two) for service in ("alerts", "gateway")}
    assert len({role for role, _ in credentials}) == len({password for _, password in credentials}) == 4
