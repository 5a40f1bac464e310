"""The keys of machine clients."""
