"""Organisations, and who may speak for them."""
