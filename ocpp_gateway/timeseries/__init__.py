"""What the time series add up to: seconds in each state by hour and day, and the uptime that follows from them."""
