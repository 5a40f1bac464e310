"""The services of a suite, in the order in which they are composed."""

import alerts.service
import charger_registry.service
import inspection_service.service
import ocpp_gateway.service

COMPOSES = (
    charger_registry.service.compose,
    ocpp_gateway.service.compose,
    alerts.service.compose,
    inspection_service.service.compose,
)
