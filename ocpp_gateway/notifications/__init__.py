"""What stations tell beside charging: kept by name, and what of it alarms is told."""
