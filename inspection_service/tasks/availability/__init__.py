"""What can be heard and used now: stations and connectors."""
