"""Measures the suite on this machine, next to the stock way, in one run."""
