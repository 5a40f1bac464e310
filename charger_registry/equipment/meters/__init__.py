"""Meters: until when their verification holds, and what is told of it."""
