"""Frames that nobody has thought of."""
