"""What a table must not say to a spreadsheet. Pure."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would take for the beginning of a formula


def harmless(text: str) -> str:
    """Return a cell's text so that no spreadsheet calculates it."""
    return f"'{text}" if text.startswith(FORMULA) else text
