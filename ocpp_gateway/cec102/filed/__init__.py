"""Our connectors, sites and organisations under their T/CEC 102 codes, as the registry told them."""
