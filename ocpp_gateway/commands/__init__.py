"""Commands down: what the supervisor asks of a station, from the request to the station's answer."""
