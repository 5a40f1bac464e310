"""The annual report: indicators counted from the records themselves, each of which opens."""
