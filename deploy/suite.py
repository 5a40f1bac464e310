"""The services of a suite, in the order in which their schemas are made."""

from charger_registry.history import HISTORY as REGISTRY_HISTORY
from ocpp_gateway.history import HISTORY as GATEWAY_HISTORY
from youguan.database import KERNEL_HISTORY

HISTORIES = (KERNEL_HISTORY, REGISTRY_HISTORY, GATEWAY_HISTORY)
