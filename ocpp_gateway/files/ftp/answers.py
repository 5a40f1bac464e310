"""Answers that need no thought. What a command does says whether the connection goes on."""

from collections.abc import Awaitable, Callable

import aioftp

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


ACTIVE = say("502", "active mode is not served: PASV or EPSV")
