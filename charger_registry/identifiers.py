"""Codes: the organisation code within a unified social credit code (GB 11714), and those of divisions. Pure."""

ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


def organisation_check_character(first8: str) -> str:
    """Return the 9th character of an organisation code."""
    total = sum(weight * int(letter, 36) for weight, letter in zip(ORGANISATION_WEIGHTS, first8, strict=True))
    return {10: "X", 11: "0"}.get(11 - total % 11, str(11 - total % 11))


def is_organisation_code(code: str) -> bool:
    """Say whether a 9-character code fits its checksum. The standard's own sample does not: warn, never refuse."""
    return len(code) == 9 and code.isalnum() and organisation_check_character(code[:8]) == code[8]


def normal_division_code(code: str) -> str | None:
    """Return a division's code as we keep it: GB/T 2260's digits or a township's nine; None where it is neither.

    The twelve digits of statistics end in three for the village: 000 stands for the township itself, and for a county six zeros.
    """
    if not (code.isascii() and code.isdigit()):
        return None
    if len(code) == 12:
        code = code[:6] if code.endswith("000000") else code[:9]
    if len(code) == 6:
        code = code[:2] if code.endswith("0000") else code[:4] if code.endswith("00") else code
    return code if len(code) in (2, 4, 6, 9) else None


def division_kind(code: str) -> str | None:
    """Return what a code's division is: province, city, county, street, town, township; None where its digits do not say."""
    by_length = {2: "province", 4: "city", 6: "county"}
    if len(code) != 9:
        return by_length.get(len(code))
    number = int(code[6:])
    return "street" if number < 100 else "town" if number < 200 else "township" if number < 400 else None
