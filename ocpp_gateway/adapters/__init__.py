"""Messages to observations: pure, one module for each protocol."""
