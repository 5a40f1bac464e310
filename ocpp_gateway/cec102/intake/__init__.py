"""From an envelope that an operator's platform sends to what is durable of it."""
