"""What of reported statuses is news, and what is the latest of each connector: pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from ocpp_gateway.lateness import Late, Moment, Word, judge
from ocpp_gateway.observation import StatusReported, mark_of, number_of
from youguan.clock import county_day
from youguan.events import ConnectorHistoryChanged, ConnectorStatusChanged


class Now(NamedTuple):
    """The latest state of a connector, in the order of the table's columns after its key."""

    status: str
    condition: str
    error_code: str | None
    error_info: str | None
    vendor_error_code: str | None
    occurred_at: datetime
    received_at: datetime
    effective_at: datetime


Place = tuple[str, int]
"""(station id, connector number)."""


class Recognised(NamedTuple):
    """The latest state of every connector reported, an event for each change, and what is remembered of late reports.

    Where `late` is empty no report was late; None there: the connector's clock is right again. `said`: the reports, in their
    order, each with the time by which it counts; `past`: those of them that change only what is past.
    """

    latest: dict[Place, Now]
    changes: list[ConnectorStatusChanged]
    late: dict[Place, Late | None]
    said: list[StatusReported]
    past: list[StatusReported]

    @property
    def by_receipt(self) -> list[StatusReported]:
        """Return the reports of which the own time counts for nothing."""
        return [report for report in self.said if report.effective_at != report.occurred_at]


def recognise(
    statuses: Sequence[StatusReported],
    known: Mapping[Place, Now],
    source: str = "ocpp",
    late_before: Mapping[Place, Late] | None = None,
) -> Recognised:
    """Return what reports change, in the order of receipt; `late_before`: the last late report of each connector."""
    latest: dict[Place, Now] = {}
    changes: list[ConnectorStatusChanged] = []
    late: dict[Place, Late | None] = {}
    said: list[StatusReported] = []
    past: list[StatusReported] = []
    remembered = late_before or {}
    for told in statuses:
        place, report = (told.station_id, told.connector), told
        before = latest.get(place) or known.get(place)
        had = late[place] if place in late else remembered.get(place)
        word, has = judge(_moment(report), _moment(before) if before else None, had)
        if word is not Word.TIMELY or has != had:
            late[place] = has
        if word is Word.FALLEN:
            report = told._replace(effective_at=told.received_at)
        said.append(report)
        if word is Word.PAST:
            past.append(report)
            continue
        latest[place] = _now(report)
        if before is None or _differs(before, report):
            changes.append(_change(report, before, source))
    return Recognised(latest, changes, late, said, past)


def late_words(past: Iterable[StatusReported]) -> list[ConnectorHistoryChanged]:
    """Return of which days, of which stations, something was learnt that changes nothing now: each once."""
    first = {(report.station_id, county_day(report.effective_at)): report.effective_at for report in past}
    return [ConnectorHistoryChanged(station_id=station_id, at=at) for (station_id, _), at in first.items()]


def _moment(told: StatusReported | Now) -> Moment:
    return Moment(_turn(told), told.received_at)


def _turn(told: StatusReported | Now) -> datetime:
    """Return when a report's turn is: no later than it came."""
    return min(told.effective_at, told.received_at)


def without_repeats(
    statuses: Sequence[StatusReported], fresh: Collection[StatusReported], known: Mapping[Place, Now]
) -> tuple[list[StatusReported], list[StatusReported]]:
    """Return what of reports is no repeat, in the order of receipt, and those of them that are still to be stored.

    The latter look like one that is stored but are none, since the connector has said something else at the same time:
    a fault that is gone and back within the second that the station's clock counts. They get a mark of their own.
    """
    news: list[StatusReported] = []
    again: list[StatusReported] = []
    stored = {id(report) for report in fresh}
    latest: dict[Place, Now] = {}
    for report in statuses:
        place = (report.station_id, report.connector)
        before = latest.get(place) or known.get(place)
        told = report
        if id(report) not in stored:
            if before is None or report.occurred_at != before.occurred_at or not _differs(before, report):
                continue
            mark = mark_of(number_of(report.received_at), report.error_code, report.vendor_error_code)
            told = report._replace(mark=mark)
            again.append(told)
        news.append(told)
        if before is None or _turn(told) >= _turn(before):
            latest[place] = _now(told)
    return news, again


def _now(report: StatusReported) -> Now:
    return Now(
        report.status,
        report.condition,
        report.error_code,
        report.error_info,
        report.vendor_error_code,
        report.occurred_at,
        report.received_at,
        report.effective_at,
    )


def _differs(before: Now, report: StatusReported) -> bool:
    return (before.status, before.error_code, before.vendor_error_code) != (
        report.status,
        report.error_code,
        report.vendor_error_code,
    )


def _change(report: StatusReported, before: Now | None, source: str) -> ConnectorStatusChanged:
    return ConnectorStatusChanged(
        station_id=report.station_id,
        connector=report.connector,
        status=report.status,
        condition=str(report.condition),
        previous_condition=before.condition if before else None,
        error_code=report.error_code,
        error_info=report.error_info,
        vendor_error_code=report.vendor_error_code,
        occurred_at=report.occurred_at,
        received_at=report.received_at,
        effective_at=report.effective_at,
        source=source,
    )
