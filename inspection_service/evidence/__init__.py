"""Evidence: hashed, chained case by case, signed; the root of all chains published day by day; verified without the suite."""
