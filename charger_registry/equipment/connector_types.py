"""Kinds of connectors by GB/T 20234 and IEC 62196, with the words that OCPI, T/CEC 102 and Open Charge Map have for them. Pure.

The code is OCPI's word where OCPI has one. T/CEC 102 tells socket and attached cable apart, and little else.
"""

from collections.abc import Iterable
from dataclasses import dataclass

SOCKET, CABLE = "SOCKET", "CABLE"
FORMATS = (SOCKET, CABLE)


@dataclass(frozen=True, slots=True)
class ConnectorType:
    """One kind: names, standard, AC or DC (None: either), since which OCPI version, and Open Charge Map's numbers."""

    code: str
    zh: str
    en: str
    standard: str
    current_type: str | None
    ocpi_since: str | None = "2.2.1"
    open_charge_map: tuple[int, ...] = ()


def _household(letter: str, *numbers: int) -> ConnectorType:
    return ConnectorType(
        f"DOMESTIC_{letter}", f"{letter} 型家用插座", f"household type {letter}", "IEC 60884", "AC", "2.2.1", numbers
    )


def _industrial(code: str, zh: str, en: str, *numbers: int) -> ConnectorType:
    return ConnectorType(f"IEC_60309_2_{code}", zh, en, "IEC 60309-2", "AC", "2.2.1", numbers)


def _nema(code: str, *numbers: int) -> ConnectorType:
    name = code.replace("_", "-")
    return ConnectorType(f"NEMA_{code}", f"NEMA {name} 插座", f"NEMA {name}", f"NEMA {name}", "AC", "2.2.1", numbers)


TYPES: dict[str, ConnectorType] = {
    kind.code: kind
    for kind in (
        ConnectorType("GBT_AC", "国标交流", "GB/T AC", "GB/T 20234.2", "AC", "2.2.1", (1038, 1039)),
        ConnectorType("GBT_DC", "国标直流", "GB/T DC", "GB/T 20234.3", "DC", "2.2.1", (1040,)),
        ConnectorType("CHAOJI", "超级充电接口 ChaoJi", "ChaoJi", "GB/T 20234.4", "DC", "2.2.1", (1044,)),
        ConnectorType("IEC_62196_T1", "Type 1 交流", "Type 1", "IEC 62196-2", "AC", "2.2.1", (1,)),
        ConnectorType("IEC_62196_T1_COMBO", "CCS1 直流", "CCS 1", "IEC 62196-3", "DC", "2.2.1", (32,)),
        ConnectorType("IEC_62196_T2", "Type 2 交流", "Type 2", "IEC 62196-2", "AC", "2.2.1", (25, 1036)),
        ConnectorType("IEC_62196_T2_COMBO", "CCS2 直流", "CCS 2", "IEC 62196-3", "DC", "2.2.1", (33,)),
        ConnectorType("IEC_62196_T3A", "Type 3A 交流", "Type 3A", "IEC 62196-2", "AC", "2.2.1", (36,)),
        ConnectorType("IEC_62196_T3C", "Type 3C 交流", "Type 3C", "IEC 62196-2", "AC", "2.2.1", (26,)),
        ConnectorType("CHADEMO", "CHAdeMO 直流", "CHAdeMO", "IEC 62196-3", "DC", "2.2.1", (2,)),
        ConnectorType("MCS", "兆瓦充电 MCS", "MCS", "IEC 63379", "DC", "2.3.0"),
        ConnectorType("SAE_J3400", "北美标准 NACS", "SAE J3400", "SAE J3400", None, "2.3.0"),
        ConnectorType("TESLA_R", "特斯拉 Roadster", "Tesla Roadster", "Tesla", "AC", "2.2.1", (8,)),
        ConnectorType("TESLA_S", "特斯拉 Model S", "Tesla Model S", "Tesla", None, "2.2.1", (27, 30)),
        ConnectorType("PANTOGRAPH_BOTTOM_UP", "车载受电弓", "pantograph on the vehicle", "SAE J3105", "DC"),
        ConnectorType("PANTOGRAPH_TOP_DOWN", "下降式受电弓", "pantograph on the station", "SAE J3105", "DC"),
        *map(_household, "AD"),
        _household("B", 22),
        _household("C", 13),
        _household("E", 23),
        _household("F", 28),
        _household("G", 3),
        _household("I", 29),
        *map(_household, "HJKLMNO"),
        _industrial("single_16", "工业插座 单相 16 A", "industrial, single phase, 16 A", 34),
        _industrial("three_16", "工业插座 三相 16 A", "industrial, three phase, 16 A", 35),
        _industrial("three_32", "工业插座 三相 32 A", "industrial, three phase, 32 A"),
        _industrial("three_64", "工业插座 三相 64 A", "industrial, three phase, 64 A"),
        _nema("5_20", 9),
        *map(_nema, ("6_30", "6_50", "10_30", "10_50")),
        _nema("14_30", 10),
        _nema("14_50", 11),
        ConnectorType("WIRELESS", "无线充电", "wireless", "GB/T 38775", None, None),
        ConnectorType("OTHER", "其他", "other", "", None, None),
    )
}

# What T/CEC 102 numbers: 1 household socket, 2 AC socket, 3 AC plug on a cable, 4 DC plug, 5 wireless, 6 other.
_OF_CEC = {
    1: ("DOMESTIC_I", SOCKET),
    2: ("GBT_AC", SOCKET),
    3: ("GBT_AC", CABLE),
    4: ("GBT_DC", CABLE),
    5: ("WIRELESS", None),
    6: ("OTHER", None),
}
_OF_OPEN_CHARGE_MAP = {number: kind.code for kind in TYPES.values() for number in kind.open_charge_map}
TETHERED_IN_OPEN_CHARGE_MAP = frozenset({1036, 1039})


def of_cec(number: int) -> tuple[str, str | None]:
    """Return (type, format) of a T/CEC 102 connector type; KeyError."""
    return _OF_CEC[number]


def to_cec(code: str | None, form: str | None) -> int:
    """Return the T/CEC 102 number of a type and format; what T/CEC 102 has no number for is 6."""
    kind = TYPES.get(code or "")
    if kind is None:
        return 6
    if kind.code == "WIRELESS":
        return 5
    if kind.code.startswith("DOMESTIC_"):
        return 1
    if kind.current_type == "AC":
        return 3 if form == CABLE else 2
    return 4 if kind.current_type == "DC" else 6


def to_ocpi(code: str | None, version: str = "2.2.1") -> str | None:
    """Return OCPI's word in a version, or None where that version has none."""
    kind = TYPES.get(code or "")
    return kind.code if kind and kind.ocpi_since is not None and kind.ocpi_since <= version else None


def of_open_charge_map(number: int) -> tuple[str, str | None]:
    """Return (type, format) of an Open Charge Map connection type; OTHER for one that we do not know."""
    code = _OF_OPEN_CHARGE_MAP.get(number, "OTHER")
    return code, CABLE if number in TETHERED_IN_OPEN_CHARGE_MAP or usual_format(code) == CABLE else None


def usual_format(code: str) -> str | None:
    """Return the only format that a type comes in, or None: direct current comes on a cable, a household socket is one."""
    kind = TYPES.get(code)
    if kind is None or kind.code in ("WIRELESS", "OTHER"):
        return None
    if kind.current_type == "DC":
        return CABLE
    return SOCKET if kind.code.startswith(("DOMESTIC_", "NEMA_", "IEC_60309")) else None


def of_words(text: str) -> str | None:
    """Return the type that somebody names: our code in any capitals, its Chinese or English name, or the standard's number."""
    wanted = _plain(text)
    return next((kind.code for kind in TYPES.values() if wanted and wanted in map(_plain, _names(kind))), None)


def _names(kind: ConnectorType) -> Iterable[str]:
    alone = () if sum(other.standard == kind.standard for other in TYPES.values()) > 1 else (kind.standard,)
    return (kind.code, kind.zh, kind.en, *alone)


def _plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())
