"""The ledger of responsibility: who builds, owns, manages and maintains a site, at every instant, and on what that rests."""
