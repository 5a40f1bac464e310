"""People and organisations: who there is, who may do what, and how each shows who he is."""
