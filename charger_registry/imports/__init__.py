"""Sites from files of others: read by their format, held against what is filed, shown, then filed."""
