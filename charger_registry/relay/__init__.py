"""Which sites' stations are passed on to their operator's own central system, by whose decision."""
