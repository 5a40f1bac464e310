"""Chargers that speak 云快充 (YKC) 1.6 over TCP: the example of a protocol of its own, see docs/adapters.md."""
