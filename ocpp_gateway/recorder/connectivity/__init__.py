"""Who came, went, was heard and booted, as it becomes rows."""
