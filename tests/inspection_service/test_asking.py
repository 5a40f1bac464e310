"""How another service is asked, and what each asker makes of it that it does not tell: against a server of ours on a socket."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from inspection_service.annual_report.gateway import GatewayUptime
from inspection_service.asking import Neighbour, Refused, Unanswered
from inspection_service.file_review.people import RegistryPeople
from inspection_service.inspections.visits import gateway
from inspection_service.inspections.visits.gateway import GatewayOverHttp
from inspection_service.inspections.visits.probe import UNREACHABLE
from youguan.errors import Forbidden, Invalid, NotFound, Unavailable

NOW = datetime(2026, 9, 1, tzinfo=UTC)
TOKEN = {"Authorization": "Bearer t"}
SECONDS = dict.fromkeys(
    ("available_s", "occupied_s", "charging_s", "reserved_s", "unavailable_s", "faulted_s", "offline_s", "excluded_s"),
    1,
)


class Service:
    """A service that answers as it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.body: Any = {}
        self.pages: list[list[dict[str, Any]]] | None = None
        self.asked: list[tuple[str, dict[str, list[str]], Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                address = urlsplit(self.path)
                length = int(self.headers.get("Content-Length", 0))
                sent = json.loads(self.rfile.read(length)) if length else None
                query = parse_qs(address.query)
                outer.asked.append((self.headers["Authorization"], query, sent))
                said = outer.answer(query)
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_POST = do_GET  # noqa: N815 (the library's name)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, query: dict[str, list[str]]) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        if self.pages is None:
            return json.dumps(self.body).encode()
        number = int(query.get("cursor", ["0"])[0])
        following = str(number + 1) if number + 1 < len(self.pages) else None
        return json.dumps({"items": self.pages[number], "next": following}).encode()

    def __enter__(self) -> "Service":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


async def test_a_list_is_read_to_its_end_or_until_it_is_too_long(service: Service) -> None:
    service.pages = [[{"n": 1}, {"n": 2}], [{"n": 3}], []]
    asking = Neighbour(service.url, TOKEN, 5)
    assert [item["n"] for item in await asking.items("/list", {"a": "b"})] == [1, 2, 3]
    assert {token for token, _, _ in service.asked} == {"Bearer t"}
    assert all(query["a"] == ["b"] and query["limit"] == ["1000"] for _, query, _ in service.asked)
    assert [item["n"] for item in await asking.items("/list", most=1)] == [1, 2]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, {"detail": "none"}, Refused), (409, [], Refused), (500, {}, Unanswered), (503, {}, Unanswered),
        (200, b"<html>", Unanswered),
    ],
)  # fmt: skip
async def test_what_is_no_answer(service: Service, status: int, body: Any, error: type[Exception]) -> None:
    service.status, service.body = status, body
    with pytest.raises(error):
        await Neighbour(service.url, TOKEN, 5).get("/x")


async def test_who_cannot_be_reached_has_not_answered() -> None:
    with pytest.raises(Unanswered):
        await Neighbour("http://127.0.0.1:9", TOKEN, 5).get("/x")


REFUSALS = [(404, NotFound), (403, Forbidden), (401, Forbidden), (422, Unavailable), (502, Unavailable)]


@pytest.mark.parametrize(("status", "error"), REFUSALS)
async def test_what_the_gateway_does_not_tell_an_officer(service: Service, status: int, error: type[Exception]) -> None:
    service.status, service.body = status, {"detail": "x"}
    asking = GatewayOverHttp(service.url, TOKEN)
    with pytest.raises(error):
        await asking.frames("a/b", NOW, NOW)
    with pytest.raises(error):
        await asking.probe("a/b", "r")


async def test_a_station_that_takes_nothing_was_not_reached(service: Service) -> None:
    service.status, service.body = 409, {"detail": "not connected"}
    probe = await GatewayOverHttp(service.url, TOKEN).probe("s", "why")
    assert (probe.outcome, probe.command) == (UNREACHABLE, {"error": "not connected"})
    ((_, query, sent),) = service.asked
    assert (query["wait"], sent["reason"]) == (["15"], "why")


async def test_messages_come_the_oldest_first_and_not_without_end(service: Service) -> None:
    service.pages = [[{"frame": "b"}], [{"frame": "a"}]]
    asking = GatewayOverHttp(service.url, TOKEN)
    assert [frame["frame"] for frame in await asking.frames("s", NOW, None)] == ["a", "b"]
    service.pages = [[{"frame": "x"}] * (gateway.MOST_FRAMES + 1), []]
    with pytest.raises(Invalid, match="freeze a shorter time"):
        await asking.frames("s", NOW, None)


async def test_reviewers_are_officials_with_an_active_account_or_nobody_can_be_chosen_now(service: Service) -> None:
    def person(name: str, *roles: str, level: int | None = None, active: bool = True) -> dict[str, Any]:
        return {"username": name, "name": name, "roles": list(roles), "level": level, "active": active}

    service.pages = [
        [person("i", "inspector"), person("o", "operator"), person("gone", "reviewer", active=False)],
        [person("r", "reviewer", level=2)],
    ]
    people = RegistryPeople(service.url, TOKEN)
    assert [(each.subject, each.level) for each in await people.officials()] == [("r", 2), ("i", None)]
    service.status = 403
    with pytest.raises(Unavailable):
        await people.officials()


async def test_the_report_is_made_without_uptime_where_the_gateway_does_not_tell_it(service: Service) -> None:
    service.pages = [[{"site_id": "1", **SECONDS}], [{"site_id": None, **SECONDS}, {"site_id": "2", **SECONDS}]]
    asking, period = GatewayUptime(service.url, TOKEN), (date(2026, 1, 1), date(2026, 9, 1))
    assert [site.site_id for site in await asking.of(*period) or []] == ["1", "2"]
    assert [query["from"] for _, query, _ in service.asked] == [["2026-01-01"]] * 2
    await asking.of_site("a/b", *period)
    assert (service.asked[-1][1]["by"], service.asked[-1][1]["site"]) == (["connector"], ["a/b"])
    service.status = 503
    assert await asking.of(*period) is None
