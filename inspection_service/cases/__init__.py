"""Cases: simple, fast-track and general procedure, from a lead to the archive. Nothing that was written is ever overwritten."""
