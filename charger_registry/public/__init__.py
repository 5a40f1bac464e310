"""What everybody may see: the live map, its list, and what programs read; and the regulator's counts."""
