"""Documents as PDF: one page layout for all of them, set with the same font on every machine, kept as they were printed first."""
