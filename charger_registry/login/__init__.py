"""Who is there: passwords and providers, logins and their ends."""
