"""Operators' platforms over T/CEC 102: what they tell us, what we ask them, and what we tell the province."""
