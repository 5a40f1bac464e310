"""The shared kernel: no rule of any domain lives here, and it imports no service."""

__version__ = "0.1.0"
