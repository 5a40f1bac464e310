"""OCPI 2.2.1 and 2.3.0 as JSON schemas, written from the tables of the specification: mod_locations, mod_tariffs, credentials,
version_information_endpoint, transport_and_format, types. Nothing that is not in a table is let through.
"""

from typing import Any

import jsonschema_rs

Schema = dict[str, Any]


def ci_string(longest: int) -> Schema:
    """CiString: printable ASCII."""
    return {"type": "string", "maxLength": longest, "pattern": r"^[\x20-\x7e]*$"}


def string(longest: int) -> Schema:
    """string: printable UTF-8, so no control characters."""
    return {"type": "string", "maxLength": longest, "pattern": r"^[^\x00-\x1f\x7f]*$"}


def listed(values: str) -> list[str]:
    return values.split()


def words(*values: str) -> Schema:
    return {"enum": list(values)}


def thing(required: Schema, optional: Schema) -> Schema:
    """Cardinality 1 and + are required, ? and * are not; no member beside them."""
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


def several(items: Schema, least: int = 0) -> Schema:
    return {"type": "array", "items": items, "minItems": least}


DATE_TIME = {
    "type": "string",
    "maxLength": 25,
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?$",
}
URL = {"type": "string", "maxLength": 255, "pattern": r"^https?://"}
CLOCK = {"type": "string", "pattern": "^([0-1][0-9]|2[0-3]):[0-5][0-9]$"}
NUMBER, INTEGER, BOOLEAN = {"type": "number"}, {"type": "integer"}, {"type": "boolean"}
DISPLAY_TEXT = thing({"language": string(2), "text": string(512)}, {})
GEO = thing(
    {
        "latitude": {"type": "string", "maxLength": 10, "pattern": r"^-?[0-9]{1,2}\.[0-9]{5,7}$"},
        "longitude": {"type": "string", "maxLength": 11, "pattern": r"^-?[0-9]{1,3}\.[0-9]{5,7}$"},
    },
    {},
)
BUSINESS_DETAILS = thing({"name": string(100)}, {"website": URL})
STATUS = words(
    "AVAILABLE", "BLOCKED", "CHARGING", "INOPERATIVE", "OUTOFORDER", "PLANNED", "REMOVED", "RESERVED", "UNKNOWN"
)  # fmt: skip
CONNECTOR_TYPES = listed(
    "CHADEMO CHAOJI DOMESTIC_A DOMESTIC_B DOMESTIC_C DOMESTIC_D DOMESTIC_E DOMESTIC_F DOMESTIC_G DOMESTIC_H DOMESTIC_I "
    "DOMESTIC_J DOMESTIC_K DOMESTIC_L DOMESTIC_M DOMESTIC_N DOMESTIC_O GBT_AC GBT_DC IEC_60309_2_single_16 "
    "IEC_60309_2_three_16 IEC_60309_2_three_32 IEC_60309_2_three_64 IEC_62196_T1 IEC_62196_T1_COMBO IEC_62196_T2 "
    "IEC_62196_T2_COMBO IEC_62196_T3A IEC_62196_T3C NEMA_5_20 NEMA_6_30 NEMA_6_50 NEMA_10_30 NEMA_10_50 NEMA_14_30 "
    "NEMA_14_50 PANTOGRAPH_BOTTOM_UP PANTOGRAPH_TOP_DOWN TESLA_R TESLA_S"
)
SINCE_2_3 = ["MCS", "SAE_J3400"]
PARKING_TYPES = ("ALONG_MOTORWAY", "PARKING_GARAGE", "PARKING_LOT", "ON_DRIVEWAY", "ON_STREET", "UNDERGROUND_GARAGE")
VEHICLE_TYPES = (
    "MOTORCYCLE", "PERSONAL_VEHICLE", "PERSONAL_VEHICLE_WITH_TRAILER", "VAN", "SEMI_TRACTOR", "RIGID", "TRUCK_WITH_TRAILER",
    "BUS", "DISABLED",
)  # fmt: skip
HOURS = {
    **thing(
        {"twentyfourseven": BOOLEAN},
        {
            "regular_hours": several(
                thing(
                    {
                        "weekday": {"type": "integer", "minimum": 1, "maximum": 7},
                        "period_begin": CLOCK,
                        "period_end": CLOCK,
                    },
                    {},
                ),
                1,
            )
        },
    ),
    "if": {"properties": {"twentyfourseven": {"const": False}}},
    "then": {"required": ["regular_hours"]},
    "else": {"not": {"required": ["regular_hours"]}},
}


def connector(version: str) -> Schema:
    return thing(
        {
            "id": ci_string(36),
            "standard": words(*CONNECTOR_TYPES, *(SINCE_2_3 if version == "2.3.0" else [])),
            "format": words("SOCKET", "CABLE"),
            "power_type": words("AC_1_PHASE", "AC_2_PHASE", "AC_2_PHASE_SPLIT", "AC_3_PHASE", "DC"),
            "max_voltage": INTEGER,
            "max_amperage": INTEGER,
            "last_updated": DATE_TIME,
        },
        {"max_electric_power": INTEGER, "tariff_ids": several(ci_string(36)), "terms_and_conditions": URL},
    )


def evse(version: str) -> Schema:
    return thing(
        {
            "uid": ci_string(36),
            "status": STATUS,
            "connectors": several(connector(version), 1),
            "last_updated": DATE_TIME,
        },
        {
            "evse_id": ci_string(48),
            "floor_level": string(4),
            "coordinates": GEO,
            "physical_reference": string(16),
            "directions": several(DISPLAY_TEXT),
        },
    )


def location(version: str) -> Schema:
    newer = {
        "help_phone": ci_string(25),
        "parking_places": several(
            thing(
                {
                    "id": ci_string(36),
                    "vehicle_types": several(words(*VEHICLE_TYPES), 1),
                    "restricted_to_type": BOOLEAN,
                    "reservation_required": BOOLEAN,
                },
                {"physical_reference": string(12)},
            )
        ),
    }
    return thing(
        {
            "country_code": ci_string(2),
            "party_id": ci_string(3),
            "id": ci_string(36),
            "publish": BOOLEAN,
            "address": string(45 if version == "2.2.1" else 255),
            "city": string(45),
            "country": string(3),
            "coordinates": GEO,
            "time_zone": string(255),
            "last_updated": DATE_TIME,
        },
        {
            "name": string(255),
            "postal_code": string(10),
            "state": string(20 if version == "2.2.1" else 45),
            "parking_type": words(*PARKING_TYPES),
            "evses": several(evse(version)),
            "directions": several(DISPLAY_TEXT),
            "operator": BUSINESS_DETAILS,
            "owner": BUSINESS_DETAILS,
            "opening_times": HOURS,
            "charging_when_closed": BOOLEAN,
            "energy_mix": thing({"is_green_energy": BOOLEAN}, {"supplier_name": string(64)}),
            **(newer if version == "2.3.0" else {}),
        },
    )


def tariff(version: str) -> Schema:
    component = thing(
        {"type": words("ENERGY", "FLAT", "PARKING_TIME", "TIME"), "price": NUMBER, "step_size": INTEGER}, {"vat": NUMBER}
    )  # fmt: skip
    element = thing(
        {"price_components": several(component, 1)},
        {"restrictions": thing({}, {"start_time": CLOCK, "end_time": CLOCK})},
    )
    taxes = {"tax_included": words("YES", "NO", "N/A")} if version == "2.3.0" else {}
    return thing(
        {
            "country_code": ci_string(2),
            "party_id": ci_string(3),
            "id": ci_string(36),
            "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
            "elements": several(element, 1),
            "last_updated": DATE_TIME,
            **taxes,
        },
        {"tariff_alt_text": several(DISPLAY_TEXT), "start_date_time": DATE_TIME, "end_date_time": DATE_TIME},
    )


CREDENTIALS = thing(
    {
        "token": {"type": "string", "maxLength": 64, "pattern": r"^[\x21-\x7e]+$"},
        "url": URL,
        "roles": several(
            thing(
                {
                    "role": words("CPO", "EMSP", "NAP", "NSP", "OTHER", "SCSP"),
                    "business_details": BUSINESS_DETAILS,
                    "party_id": ci_string(3),
                    "country_code": ci_string(2),
                },
                {},
            ),
            1,
        ),
    },
    {},
)
VERSIONS = several(thing({"version": words("2.2.1", "2.3.0"), "url": URL}, {}), 1)
DETAILS = thing(
    {
        "version": words("2.2.1", "2.3.0"),
        "endpoints": several(
            thing(
                {
                    "identifier": words("credentials", "locations", "tariffs"),
                    "role": words("SENDER", "RECEIVER"),
                    "url": URL,
                },
                {},
            ),
            1,
        ),
    },
    {},
)


def envelope(data: Schema | None) -> Schema:
    """An answer: with `data`, or without any."""
    status = {"status_code": {"type": "integer", "minimum": 1000, "maximum": 4999}, "timestamp": DATE_TIME}
    return thing({**status, **({"data": data} if data else {})}, {"status_message": string(10_000)})


def faults(schema: Schema, value: Any) -> list[str]:
    """Return what is wrong with a value, each fault with its place."""
    found = jsonschema_rs.Draft202012Validator(schema).iter_errors(value)
    return [f"{'/'.join(map(str, fault.instance_path))}: {fault.message}" for fault in found]
