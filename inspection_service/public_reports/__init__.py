"""What everybody may report of a charger: within a minute, without an account; what came of it is shown by the receipt."""
