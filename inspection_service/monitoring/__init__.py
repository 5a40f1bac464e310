"""The register of monitoring equipment that passed legal and technical review (Penalty Law Art. 41)."""
