"""Photos of a site for the public."""
