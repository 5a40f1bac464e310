"""Recorded frames and what they become: a file for each story, in a folder for each version.

A file is a list of steps over one connection: `frame` as it came, `answer` as it went (null: none), `observations` and
`refused`. `python -m tests.ocpp_gateway.corpus` writes the last three anew: read the difference before you commit it.
"""
