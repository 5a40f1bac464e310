"""What of a file bears a connector's code that is another connector's. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from charger_registry.drafts import SiteDraft, StationDraft
from charger_registry.equipment.connector_codes import Code, Place, of_another
from charger_registry.imports.fields import RowError


class Codes:
    """Whose the codes are: what is filed, but for what the file itself takes away; then first come, first served."""

    def __init__(self, filed: Mapping[Code, Place], told: Iterable[SiteDraft]) -> None:
        stations = {station.id: station for site in told for station in site.stations or ()}
        self._holders = {code: place for code, place in filed.items() if _keeps(stations.get(place[0]), place, code[1])}

    def admit(self, draft: SiteDraft, operator: str | None) -> tuple[SiteDraft, list[RowError]]:
        """Return a site without the stations that bear another connector's code, and why; what is filed of them stays."""
        if operator is None or not draft.stations:
            return draft, []
        good: list[StationDraft] = []
        refused: list[RowError] = []
        for station in draft.stations:
            wrong = self._taken(station, operator)
            refused += [wrong] if wrong else []
            good += [] if wrong else [station]
        return (replace(draft, stations=tuple(good), whole=False), refused) if refused else (draft, [])

    def _taken(self, station: StationDraft, operator: str) -> RowError | None:
        said: dict[Code, Place] = {}
        for connector in station.connector_files:
            if connector.cec_connector_id is None:
                continue
            code, place = (operator, connector.cec_connector_id), (station.id, connector.connector)
            holder = self._holders.get(code) or said.setdefault(code, place)
            if holder != place:
                return RowError("cec_connector_id", of_another(code, place, holder))
        self._holders |= said
        return None


def _keeps(told: StationDraft | None, place: Place, code: str) -> bool:
    """Say whether a connector that bears a code still does when what is told of its station is filed."""
    if told is None or not told.connector_files:
        return True
    said = next((c for c in told.connector_files if c.connector == place[1]), None)
    return said is not None and said.cec_connector_id in (None, code)
