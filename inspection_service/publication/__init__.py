"""What of decisions is published, for how long, with which names redacted, and when it is withdrawn (Penalty Law Art. 48)."""
