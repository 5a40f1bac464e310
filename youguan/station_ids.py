"""What may be a station's id where it connects: the last segment of a path, and a certificate's common name."""

LONGEST = 48  # OCPP 2.0.1 Part 4: station identity


def can_connect(station_id: str) -> bool:
    """Say whether a station could connect under an id."""
    return 0 < len(station_id) <= LONGEST and "/" not in station_id and station_id.isprintable()
