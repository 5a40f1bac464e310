"""What everybody may check before anything happens (事前公示): who inspects, which draws are coming, what a check's code says."""
