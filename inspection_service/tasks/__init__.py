"""Tasks: opened for whoever is responsible, with a deadline, and closed only when somebody else than him says that it is done."""
