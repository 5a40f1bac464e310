"""When a sensor's value is an alarm. Pure."""

from ocpp_gateway.observation import SensorRead


def alarm_after(reading: SensorRead, before: str | None) -> str | None:
    """Return the rule that holds after a reading: it begins at `above` and lasts until the value is below `clear_below`."""
    if reading.alarm is None or reading.above is None:
        return None
    lasts = before == reading.alarm and reading.clear_below is not None and reading.value >= reading.clear_below
    return reading.alarm if reading.value >= reading.above or lasts else None
