"""The sample county among what is really filed."""
