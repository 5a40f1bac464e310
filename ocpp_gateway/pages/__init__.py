"""The gateway in the browser: stations with everything they said and were told, the gateway's health, certificates."""
