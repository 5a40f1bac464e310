"""Acts, and which of them were fined: none twice (Penalty Law Art. 29)."""
