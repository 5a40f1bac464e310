"""What is kept of what provinces are told, for those who look at it."""
