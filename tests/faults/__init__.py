"""Faults on real processes under load: what was acknowledged is stored exactly once."""
