"""All tables of the alerts, as their migrations must add up to; no running process needs them."""

from alerts.model import METADATA

__all__ = ["METADATA"]
