"""Every page that a person meets. A new page is one line here; by that it is checked for all readers, languages and phones."""

from dataclasses import dataclass

REGULATOR, INSPECTOR, OPERATOR, REVIEWER = "demo-regulator", "demo-inspector", "demo-operator", "demo-reviewer"


@dataclass(frozen=True)
class Shown:
    """A page: its address (`{site}`, `{unmanaged}` and `{task}` stand for ids), who looks at it, and the answer's status."""

    name: str
    path: str
    account: str | None = None
    status: int = 200


PAGES = (
    Shown("public", "/"),
    Shown("public, nothing found", "/?q=nowhere"),
    Shown("site", "/sites/{site}"),
    Shown("site that nobody manages", "/sites/{unmanaged}"),
    Shown("login", "/login"),
    Shown("no such page", "/nowhere", status=404),
    Shown("dashboard", "/dashboard", REGULATOR),
    Shown("dashboard, not allowed", "/dashboard", OPERATOR, status=403),
    Shown("tasks", "/tasks", INSPECTOR),
    Shown("tasks, none", "/tasks?overdue=true", INSPECTOR),
    Shown("task", "/tasks/{task}", INSPECTOR),
    Shown("alerts", "/alerts", REGULATOR),
    Shown("sites", "/registry/sites", REVIEWER),
    Shown("sites that nobody manages", "/registry/sites?unmanaged=true", REGULATOR),
    Shown("ledger", "/registry/sites/{site}", OPERATOR),
    Shown("ledger, to assign a manager", "/registry/sites/{unmanaged}", REGULATOR),
)
