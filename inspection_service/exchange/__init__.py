"""Cases out to other organs and in from them: as JSON, and as the columns that the province's case system imports."""
