"""Within one operator a connector's code (T/CEC 102's ConnectorID) is one connector's. Pure."""

from youguan.errors import Reason

Code = tuple[str, str]  # operator, connector
Place = tuple[str, int]  # station, connector


def of_another(code: Code, place: Place, holder: Place) -> Reason:
    """Say of a code that another connector bears it."""
    return Reason(
        "{code} of connector {connector} at station {station} is, at operator {operator}, connector {other} of station {holder}",
        code=code[1], connector=place[1], station=place[0], operator=code[0], other=holder[1], holder=holder[0],
    )  # fmt: skip
