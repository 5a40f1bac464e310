"""OCPP-J: frames, schemas and error codes of each version."""
