"""Why an upstream is not reached, to be said in the reader's language. Pure.

Kept in English; of each template `translations/zh.toml` has the Chinese.
"""

from youguan.recognising import Wrong, known_among

SENTENCES = (
    "its name cannot be resolved", "no answer in time", "no WebSocket server answers there", "the address is this machine's own",
    "its certificate does not hold: {why}", "TLS: {why}", "the connection broke", "without a word", "no code",
    "connection refused", "connection reset by peer", "connection timed out", "network is unreachable", "no route to host",
    "HTTP {status} {words}", "HTTP {status} ",
)  # fmt: skip


def known_again(detail: str) -> Wrong:
    """Return what was noted of an upstream as a reason that can be said in Chinese; as it is where nobody knows it."""
    return known_among(SENTENCES, (), detail)
