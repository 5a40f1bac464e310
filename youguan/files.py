"""How many files, connections among them, this process may hold."""

import resource
from contextlib import suppress

ASKED_FOR = (1_048_576, 65_536, 10_240)  # what systems allow: Linux, containers, macOS


def allow_many_files() -> int:
    """Raise the soft limit, often 1,024 or 256, as far as the system lets us; return what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in ASKED_FOR:
        number = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft != resource.RLIM_INFINITY and number > soft:
            with suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
                return number
    return soft if soft != resource.RLIM_INFINITY else ASKED_FOR[0]
