"""What provinces are told, and what they ask: queued in the standard's words, sent in their own."""
