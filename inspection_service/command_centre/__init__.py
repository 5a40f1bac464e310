"""The county's centre: how much each team has to do, what is late and what has come up to it; and who is sent instead."""
