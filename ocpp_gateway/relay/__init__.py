"""Stations that belong to their operator's own central system: passed on unchanged in both directions, and recorded on the way."""
