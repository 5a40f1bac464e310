"""Everything that talks to chargers, and the time series."""
