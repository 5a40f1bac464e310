"""Stations: who they are, who holds their connection, and the conversation with each."""
