"""Who may charge: id tokens and groups, local lists, reservations and charging profiles."""
