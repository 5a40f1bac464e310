"""Sensors beside the chargers: smoke, water, temperature, a petrol car in a charging bay."""
