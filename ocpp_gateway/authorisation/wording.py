"""A decision in the words of each version, members in the specification's order: pure."""

from typing import Any

from ocpp_gateway.authorisation.rules import Decision, Standing
from youguan.clock import utc_text

# The longest identifier that a version can carry.
LONGEST_16, LONGEST_201, LONGEST_21 = 20, 36, 255
ANY_TYPE = "Central"

IN_16 = {
    Standing.ACCEPTED: "Accepted",
    Standing.BLOCKED: "Blocked",
    Standing.EXPIRED: "Expired",
    Standing.UNKNOWN: "Invalid",
    Standing.CONCURRENT: "ConcurrentTx",
    Standing.ENDS_ONLY: "Invalid",
}
IN_2 = {**IN_16, Standing.UNKNOWN: "Unknown"}


def id_tag_info(decision: Decision) -> dict[str, Any]:
    """Return the idTagInfo of 1.6; a group that it cannot carry is left out."""
    info: dict[str, Any] = {}
    if decision.expires_at:
        info["expiryDate"] = utc_text(decision.expires_at)
    if decision.group_id and len(decision.group_id) <= LONGEST_16:
        info["parentIdTag"] = decision.group_id
    return {**info, "status": IN_16[decision.standing]}


def id_token_info(decision: Decision) -> dict[str, Any]:
    """Return the idTokenInfo of 2.x."""
    info: dict[str, Any] = {"status": IN_2[decision.standing]}
    if decision.expires_at:
        info["cacheExpiryDateTime"] = utc_text(decision.expires_at)
    if decision.group_id:
        info["groupIdToken"] = {"idToken": decision.group_id, "type": ANY_TYPE}
    return info
