"""From observations to committed rows; only then is a station answered."""
