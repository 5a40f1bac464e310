"""What is read of a client's line, and what a refusal is called in FTP (RFC 959, 4228). Pure."""

from ocpp_gateway.files.depot import Gone
from youguan.disk import Interrupted
from youguan.errors import Conflict, TooLarge, Unavailable, YouguanError

TELNET = b"\xff\xf2\xf4"  # what some clients put before ABOR
REPLIES: tuple[tuple[type[YouguanError], str], ...] = (
    (TooLarge, "552"),
    (Interrupted, "426"),
    (Conflict, "450"),
    (Unavailable, "451"),
    (Gone, "550"),
)


def command_of(line: bytes) -> tuple[str, str]:
    """Return (verb in small letters, what follows it); a line with control characters, NUL among them, has no verb."""
    text = line.lstrip(TELNET).rstrip(b"\r\n").decode("utf-8", "replace")
    if any(letter < " " or letter == "\x7f" for letter in text):
        return "", ""
    verb, _, rest = text.partition(" ")
    return verb.lower(), rest


def number_of(text: str) -> int | None:
    """Return a number of bytes; None where it is none, or longer than any file."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def reply_of(error: YouguanError) -> tuple[str, str]:
    """Return (code, why): codes that begin with 4 mean that trying again can help."""
    code = next((code for kind, code in REPLIES if isinstance(error, kind)), "550")
    return code, str(error.detail)
