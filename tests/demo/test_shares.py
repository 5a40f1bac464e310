"""What each part of a suite is told, and where it listens."""

import pytest

from deploy.processes import inherited
from deploy.shares import as_environment, hosts, reached_at, shares
from youguan.settings import Settings

OWNER = "postgresql://owner:owners-password@/youguan?host=/run/youguan"


def told() -> dict[str, dict[str, str]]:
    settings = Settings(
        database_url=OWNER, role_secret="role-secret", token_private_key="private", token_public_key="public",
        metrics_token="scrape", trusted_proxies=["10.0.0.1"],
    )  # fmt: skip
    return dict(zip(("gateway", "jobs", "web"), map(as_environment, shares(settings)), strict=True))


def test_no_part_can_enter_the_database_as_its_owner() -> None:
    for part in told().values():
        assert "owner" not in part["YOUGUAN_DATABASE_URL"]


def test_only_the_web_process_signs_and_a_worker_has_one_role() -> None:
    parts = told()
    assert [name for name, part in parts.items() if "YOUGUAN_TOKEN_PRIVATE_KEY" in part] == ["web"]
    assert [name for name, part in parts.items() if "YOUGUAN_ROLE_SECRET" in part] == ["jobs", "web"]
    assert all(part["YOUGUAN_TOKEN_PUBLIC_KEY"] == "public" for part in parts.values())


@pytest.mark.parametrize("service", ["registry", "gateway", "alerts", "inspection"])
def test_every_part_still_enters_as_its_services(service: str) -> None:
    full = Settings(database_url=OWNER, role_secret="role-secret")
    worker, jobs, web = shares(full)
    assert {jobs.dsn_for(service), web.dsn_for(service)} == {full.dsn_for(service)}
    if service == "gateway":
        assert worker.dsn_for(service) == full.dsn_for(service)


def test_our_own_settings_are_not_inherited() -> None:
    assert inherited({"YOUGUAN_DATABASE_URL": OWNER, "YOUGUAN_SETTINGS_FILE": "x", "PATH": "/bin"}) == {"PATH": "/bin"}


def test_a_demo_listens_on_this_machine_only() -> None:
    settings = Settings(http_host="0.0.0.0", ocpp_host="::")
    assert hosts(settings, demo=False) == {"http": "0.0.0.0", "ocpp": "::"}
    assert hosts(settings, demo=True) == {"http": "127.0.0.1", "ocpp": "127.0.0.1"}


@pytest.mark.parametrize(
    ("host", "reached"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("10.0.0.7", "10.0.0.7"), ("fd00::7", "[fd00::7]")]
)
def test_where_it_is_reached(host: str, reached: str) -> None:
    assert reached_at(host) == reached
