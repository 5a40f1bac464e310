"""Every page that a person meets. A new page is one line here; by that it is checked for all readers, languages and phones."""

from dataclasses import dataclass

REGULATOR, INSPECTOR, OPERATOR, REVIEWER = "demo-regulator", "demo-inspector", "demo-operator", "demo-reviewer"


@dataclass(frozen=True)
class Shown:
    """A page: its address (`{site}`, `{station}` and the like stand for ids), who looks at it, and the answer's status."""

    name: str
    path: str
    account: str | None = None
    status: int = 200


PAGES = (
    Shown("public", "/"),
    Shown("public, nothing found", "/?q=nowhere"),
    Shown("site", "/sites/{site}"),
    Shown("site that nobody manages", "/sites/{unmanaged}"),
    Shown("open data", "/open-data"),
    Shown("open data, for who gives out tokens", "/open-data", REGULATOR),
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
    Shown("history of responsibility", "/registry/sites/{site}/history", REGULATOR),
    Shown("history of responsibility, long ago", "/registry/sites/{site}/history?at=2024-01-01T08:00", OPERATOR),
    Shown("handovers, of an operator", "/registry/handovers", OPERATOR),
    Shown("handovers, of the regulator", "/registry/handovers", REGULATOR),
    Shown("handover, to propose", "/registry/sites/{managed}/handover", OPERATOR),
    Shown("handover, proposed", "/registry/handovers/{handover}", OPERATOR),
    Shown("ledger with a handover that waits", "/registry/sites/{managed}", OPERATOR),
    Shown("line of the ledger, to correct", "/registry/sites/{site}/lines/{line}", REGULATOR),
    Shown("stations", "/gateway/stations", REGULATOR),
    Shown("stations, none", "/gateway/stations?q=nowhere", INSPECTOR),
    Shown("station", "/gateway/stations/{station}", REGULATOR),
    Shown("station, of its operator", "/gateway/stations/{own}", OPERATOR),
    Shown("station, no such", "/gateway/stations/nowhere", REGULATOR, status=404),
    Shown("station's commands", "/gateway/stations/{station}/commands", REGULATOR),
    Shown("station's commands, of an inspector", "/gateway/stations/{station}/commands", INSPECTOR),
    Shown("station's frames", "/gateway/stations/{station}/frames", REGULATOR),
    Shown("station's frames, paused", "/gateway/stations/{station}/frames?paused=true", REGULATOR),
    Shown("station's statuses", "/gateway/stations/{station}/status-changes", REVIEWER),
    Shown("station's transactions", "/gateway/stations/{station}/transactions", REGULATOR),
    Shown("station's variables", "/gateway/stations/{station}/variables", REGULATOR),
    Shown("station's reservations and profiles", "/gateway/stations/{station}/charging", INSPECTOR),
    Shown("station's files", "/gateway/stations/{station}/files", INSPECTOR),
    Shown("gateway's health", "/gateway/health", REGULATOR),
    Shown("refused input", "/gateway/refused-input", REGULATOR),
    Shown("certificates", "/gateway/certificates", REGULATOR),
    Shown("certificates, all", "/gateway/certificates?state=", REGULATOR),
    Shown("stations' keys", "/registry/credentials", REGULATOR),
    Shown("stations in quarantine", "/registry/unfiled-stations", REGULATOR),
    Shown("law", "/law"),
    Shown("law, nothing found", "/law?q=nowhere"),
    Shown("item", "/law/fire-equipment"),
    Shown("item, of an officer", "/law/car-park-unfiled", INSPECTOR),
    Shown("item, may I", "/law/car-park-unfiled/check?measure=penalty&yuan=3000", INSPECTOR),
    Shown("statutory periods", "/law/periods?from=2026-09-16"),
    Shown("OCPI tokens", "/registry/ocpi-tokens", REGULATOR),
    Shown("filings, to decide", "/registry/filings", REGULATOR),
    Shown("filings, of an operator", "/registry/filings", OPERATOR),
    Shown("filing, to begin", "/registry/filings/new", OPERATOR),
    Shown("filing, to begin on paper", "/registry/filings/new", REGULATOR),
    Shown("filing, to write", "/registry/filings/{draft}/edit", OPERATOR),
    Shown("filing, a draft", "/registry/filings/{draft}", OPERATOR),
    Shown("filing, of its applicant", "/registry/filings/{filing}", OPERATOR),
    Shown("filing, to decide", "/registry/filings/{filing}", REGULATOR),
    Shown("indicators of filings", "/registry/filing-indicators", REGULATOR),
    Shown("id tokens", "/gateway/id-tokens", REGULATOR),
    Shown("platforms", "/gateway/platforms", REGULATOR),
    Shown("platforms, of an operator", "/gateway/platforms", OPERATOR),
    Shown("platform", "/gateway/platforms/395815801", REGULATOR),
    Shown("platform, of its operator", "/gateway/platforms/395815801", OPERATOR),
    Shown("platform's connectors", "/gateway/platforms/395815801/connectors", OPERATOR),
    Shown("platform's test bench", "/gateway/platforms/395815801/trial", OPERATOR),
    Shown("people", "/people", REGULATOR),
    Shown("people, nobody", "/people?q=nobody", OPERATOR),
    Shown("new person", "/people/new", REGULATOR),
    Shown("person", "/people/persons/demo-inspector", REGULATOR),
    Shown("person, oneself", "/people/persons/demo-regulator", REGULATOR),
    Shown("teams", "/people/teams", REGULATOR),
    Shown("audit trail", "/people/audit", REGULATOR),
    Shown("organisations", "/people/organisations", INSPECTOR),
    Shown("organisation", "/people/organisations/{organisation}", REGULATOR),
    Shown("organisation, one's own", "/people/organisations/{organisation}", OPERATOR),
    Shown("my account", "/account", INSPECTOR),
)
