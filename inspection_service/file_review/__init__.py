"""File review (案卷评查): files drawn by a recorded seed, scored by a table of points by people who had no part in them."""
