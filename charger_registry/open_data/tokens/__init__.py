"""Tokens of those who read the open data over OCPI."""
