"""Charging processes as they are read: lists, and one with its events and measured values."""
