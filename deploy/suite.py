"""The services of a suite, in the order in which their schemas are made."""

import alerts.service
import charger_registry.service
import inspection_service.service
import ocpp_gateway.service
from alerts.history import HISTORY as ALERTS_HISTORY
from charger_registry.history import HISTORY as REGISTRY_HISTORY
from inspection_service.history import HISTORY as INSPECTION_HISTORY
from ocpp_gateway.history import HISTORY as GATEWAY_HISTORY
from youguan.database import KERNEL_HISTORY

HISTORIES = (KERNEL_HISTORY, REGISTRY_HISTORY, GATEWAY_HISTORY, ALERTS_HISTORY, INSPECTION_HISTORY)
COMPOSES = (
    charger_registry.service.compose,
    ocpp_gateway.service.compose,
    alerts.service.compose,
    inspection_service.service.compose,
)
