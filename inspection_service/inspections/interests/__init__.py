"""Interests of officers."""
