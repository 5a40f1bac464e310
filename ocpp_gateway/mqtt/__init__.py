"""MQTT: what comes in becomes observations by a mapping that is data; what is now goes out, retained."""
