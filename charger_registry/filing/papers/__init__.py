"""The papers of filings, and what was promised in their place."""
