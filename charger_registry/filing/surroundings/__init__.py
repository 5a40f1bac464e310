"""What stands around a filing and it is held against: divisions, organisations, stations, sites."""
