"""The migrations of all services, in the order in which their schemas are made."""

from alerts.history import HISTORY as ALERTS_HISTORY
from charger_registry.history import HISTORY as REGISTRY_HISTORY
from inspection_service.history import HISTORY as INSPECTION_HISTORY
from ocpp_gateway.history import HISTORY as GATEWAY_HISTORY
from youguan.schemas import KERNEL_HISTORY

HISTORIES = (KERNEL_HISTORY, REGISTRY_HISTORY, GATEWAY_HISTORY, ALERTS_HISTORY, INSPECTION_HISTORY)
