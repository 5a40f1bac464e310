"""A year of the bureau's work as records, for the annual report: invented, but by the same rules as real ones."""
