"""Stations' keys: issued, rotated, revoked; and stations that connect without being filed."""
