"""The law as data: statutes with their versions, the items that are supervised, statutory periods; and what may be drafted."""
