"""What stands at a site: EVSEs, connectors, meters, the fees that the public is shown, hours; and who gave us each field."""
