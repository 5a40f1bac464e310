"""Operators' platforms that are asked: what they file, what their connectors are, what their sites delivered."""
