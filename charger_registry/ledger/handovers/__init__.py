"""Handovers: the manager, or the owner, proposes another one; until that one accepts, who managed goes on managing."""
