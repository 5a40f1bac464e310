"""What differs between the versions of OCPP-J: subprotocol, schema files, spelling of error codes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)  # there is one of each: found by identity in the tables of every frame
class Version:
    """One version of OCPP-J; `folder` and `request_suffix` say where the `ocpp` package keeps its schemas.

    `complains` says whether a CALLRESULT can be refused, `sends` whether there are messages without an answer.
    """

    name: str
    subprotocol: str
    folder: str
    request_suffix: str
    malformed: str  # the code for what is no message at all
    format_violation: str
    occurrence_violation: str
    complains: bool = False
    sends: bool = False


V16 = Version("1.6", "ocpp1.6", "v16", "", "FormationViolation", "FormationViolation", "OccurenceConstraintViolation")
V201 = Version(
    "2.0.1", "ocpp2.0.1", "v201", "Request", "RpcFrameworkError", "FormatViolation", "OccurrenceConstraintViolation"
)
V21 = Version(
    "2.1",
    "ocpp2.1",
    "v21",
    "Request",
    "RpcFrameworkError",
    "FormatViolation",
    "OccurrenceConstraintViolation",
    complains=True,
    sends=True,
)

# In order of preference.
VERSIONS = (V21, V201, V16)


def named(name: str) -> Version:
    """Return the version of a name; KeyError."""
    return {version.name: version for version in VERSIONS}[name]


def negotiate(offered: list[str]) -> Version | None:
    """Return the newest version of ours among the subprotocols that a station offers."""
    return next((version for version in VERSIONS if version.subprotocol in offered), None)
