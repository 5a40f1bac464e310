"""What the gateway keeps only for a time, and for how long."""
