"""Stations on the wire: taking their connections, shaking hands, TLS, whole messages out of frames."""
