"""A station that shares no code with us: the npm package `ocpp-rpc`, which validates both ways by schemas of its own."""
