"""Plans: random draws and joint inspections."""
