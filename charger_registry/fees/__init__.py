"""What charging costs, as the public is shown it: fees of a site, and of a station that has its own."""
