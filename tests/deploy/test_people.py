"""The first account of a suite, from the command line: made, refused, changed, and good for a login."""

import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from charger_registry.login.desk import Login
from deploy.commands.person import Account, check
from tests.suite import COMMAND, ROOT
from youguan.auth import TokenVerifier, generate_keys
from youguan.clock import SystemClock
from youguan.database import connect, create_pool
from youguan.errors import Invalid
from youguan.settings import Settings

PASSWORD = "county of eighteen"
PRIVATE, PUBLIC = generate_keys()


def add(database_url: str, *arguments: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "person", "add", *arguments],
        input=password + "\n", text=True, capture_output=True, check=False, cwd=ROOT,
        env={**os.environ, "YOUGUAN_DATABASE_URL": database_url, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("account", "password", "fields"),
    [
        (Account("a", "A", "regulator"), PASSWORD, []),
        (Account("a", "A", "regulator"), "short", ["password"]),
        (Account("a", "A", "operator"), PASSWORD, ["organisation"]),
        (Account("a", "A", "operator", "o"), PASSWORD, []),
        (Account("a", "A", "inspector"), PASSWORD, ["division"]),
        (Account("a", "A", "inspector", division="330226"), PASSWORD, []),
        (Account(" ", "A", "reviewer"), "", ["username", "password"]),
    ],
)
def test_who_cannot_do_the_work_is_refused(account: Account, password: str, fields: list[str]) -> None:
    wrong: list[str] = []
    try:
        check(account, password)
    except Invalid as error:
        wrong = [field.field for field in error.fields]
    assert wrong == fields


async def test_the_first_account_logs_in_and_a_changed_one_ends_its_logins(database_url: str) -> None:
    made = add(database_url, "li", "--role", "regulator", "--name", "李")
    assert (made.returncode, made.stdout) == (0, "li may log in as regulator\n"), made.stderr
    again = add(database_url, "li", "--role", "reviewer")
    assert (again.returncode, again.stderr) == (2, "youguan: li has an account already; --replace changes it\n")
    changed = add(database_url, "li", "--role", "regulator", "--replace", password=PASSWORD + "!")
    assert changed.returncode == 0, changed.stderr
    settings = Settings(database_url=database_url, token_private_key=PRIVATE, token_public_key=PUBLIC)
    async with await create_pool(database_url) as pool:
        token, roles = await Login(pool, settings, SystemClock()).log_in("li", PASSWORD + "!", "127.0.0.1")
        assert roles == ["regulator"]
        assert TokenVerifier(PUBLIC, timedelta(hours=1)).verify(token).subject == "li"
    connection = await connect(database_url)
    events: list[Any] = await connection.fetch(
        "SELECT payload ->> 'subject' AS who FROM eventlog.event WHERE type = 'AccessRevoked'"
    )
    audited = await connection.fetchval("SELECT count(*) FROM audit.trail WHERE subject = 'person li'")
    await connection.close()
    assert ([event["who"] for event in events], audited) == (["li"], 2)
