"""Answers that need no thought. What a command does says whether the connection goes on."""

from collections.abc import Awaitable, Callable

import aioftp

from ocpp_gateway.files.ftp.words import number_of

Work = Callable[[aioftp.Connection, str], Awaitable[bool]]


def answer(connection: aioftp.Connection, code: str, text: str) -> bool:
    """Answer, and go on."""
    connection.response(code, text)
    return True


def say(code: str, text: str) -> Work:
    """Return a command that is always answered the same."""

    async def said(connection: aioftp.Connection, rest: str) -> bool:
        return answer(connection, code, text)

    return said


def only(word: str) -> Work:
    """Return a command that takes one word and no other."""

    async def checked(connection: aioftp.Connection, rest: str) -> bool:
        return answer(connection, *(("200", "yes") if rest.upper() == word else ("504", f"only {word}")))

    return checked


async def gone(connection: aioftp.Connection, rest: str) -> bool:
    """Answer nothing, and end."""
    return False


async def opts(connection: aioftp.Connection, rest: str) -> bool:
    """Speak UTF-8, and always."""
    known = rest.upper().startswith("UTF8")
    return answer(connection, *(("200", "always") if known else ("501", "no such option")))


async def type_(connection: aioftp.Connection, rest: str) -> bool:
    """Keep files byte for byte, whatever a client calls them."""
    known = rest[:1].upper() in ("A", "I", "L")
    return answer(connection, *(("200", "byte for byte") if known else ("504", "A, I or L 8")))


async def allo(connection: aioftp.Connection, rest: str) -> bool:
    """Note how large a file will be."""
    connection.visit.announced = number_of(rest.split(" ", 1)[0])
    return answer(connection, "200", "noted")


async def rest_at(connection: aioftp.Connection, rest: str) -> bool:
    """Note from where the next file goes on, whatever is said between, as PASV is by some."""
    offset = number_of(rest)
    connection.visit.offset = offset or 0
    return answer(connection, *(("501", "no number of bytes") if offset is None else ("350", f"from byte {offset}")))


ACTIVE = say("502", "active mode is not served: PASV or EPSV")
