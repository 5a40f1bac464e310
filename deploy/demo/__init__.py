"""A sample county and a simulated fleet: generated with a fixed seed, and said to be so on every page."""
