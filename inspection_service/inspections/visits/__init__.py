"""Visits: from their beginning to the record that two officers stand for."""
