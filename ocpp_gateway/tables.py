"""All tables of the gateway, as its migrations must add up to; no running process needs them."""

from ocpp_gateway.cec102 import model as cec102
from ocpp_gateway.model import METADATA

__all__ = ["METADATA", "MODELS"]

# Its tables are in METADATA once it is imported.
MODELS = (cec102,)
