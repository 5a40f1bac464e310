"""Bringing what stands at sites up to date: from imports, filings and the file of a station."""
