"""What is wrong with a message, to be said in the reader's language. Pure.

Reasons are kept as they went over the wire, in English and with where in the message they lie; here they are known again by their
template, of which `translations/zh.toml` has the Chinese.
"""

import re

from youguan.recognising import Wrong, known_among

KEPT = "; the order is kept, and is no transaction"
UNFILED = "no connector of this id is filed for this platform"
SEVERAL = "is filed for several connectors ({named}): which is meant?"
OWN_WORD = "{station} speaks for itself at this moment; its own word counts"
ALIVE = "; it answers other requests"
# How an answer was lost, whatever else the platform answers.
LOST = (
    "the answer takes longer than {seconds} s", "the answer is larger than {most} bytes", "the answer is not JSON",
    "the answer is not an object", "the answer's Ret is missing, or no number", "the answer's Sig does not fit",
    "ReadError: {words}", "ReadError: ", "ReadTimeout: {words}", "ReadTimeout: ", "WriteError: {words}", "WriteError: ",
    "RemoteProtocolError: {words}",
)  # fmt: skip
# Whole sentences, of which what comes after a colon is no reason by itself.
SENTENCES = (
    "not signed, and so not believed: Ret {ret}: {words}", "not signed, and so not believed: Ret {ret}: ",
    "could not be told: {error}", "ConnectError: {words}", "ConnectError: ", "ConnectTimeout: {words}", "ConnectTimeout: ",
    *LOST, *(lost + ALIVE for lost in LOST),
)  # fmt: skip
NOT_TOLD = "transaction {transaction} of {station} cannot be told: "
TEMPLATES = (
    # members
    "is missing or empty", "is missing", "is no text", "is longer than {longest} characters, or not printable",
    "{value} is no number", "{value} is not from {low} to {high}", "is not from {low} to {high}", "{value} is no whole number",
    "{value} is not a time such as 2026-05-04 12:00:00", "is missing, or no object", "is missing, or neither an object nor a list",
    "is no object",
    # messages
    "more than {most} items in one message", "this platform speaks for {operator} alone", "{value} is none of {known}",
    "lies before StartTime", "{total} is not {elec} + {service}", "{energy} is not the sum of ChargeDetails, {sum}",
    # whose it is
    UNFILED, UNFILED + KEPT, SEVERAL, SEVERAL + KEPT, OWN_WORD, OWN_WORD + KEPT,
    # envelopes
    "larger than {most} bytes", "not JSON: {error}", "not an object", "missing, or no text", "does not fit", "cannot be decrypted",
    "nested more than {most} deep", "not four digits", "not yyyyMMddHHmmss",
    "{stamp} is more than 5 minutes from {now}, the time here", "not known here, or not enabled", "this envelope was taken before",
    "the token is missing, has expired or is not of this platform: query_token gives one", "no such message here; known: {names}",
    "known: {names}", "OperatorID is not this platform's", "OperatorSecret is not the one that is agreed for this direction",
    "{given} is not {known}",
    # questions
    "is missing, or no list of ids", "more than {most} at a time", "is needed: {station} is a site of {operators}",
    # what goes up
    NOT_TOLD + "nobody told when it began", NOT_TOLD + "nobody told how much was charged",
    NOT_TOLD + "nobody told at which connector it was", "the answer confirms {given}, which is not this order",
    "not confirmed: ConfirmResult {given}", "this profile knows no message for a {kind}",
    "the answer has no {member}", "{member} {given}: not taken", "no token is given: FailReason {given}",
    "cannot be stored: {error}", "HTTP {status}", "Ret {ret}: {words}", "Ret {ret}: ", "Ret {ret}",
)  # fmt: skip


def known_again(text: str) -> Wrong:
    """Return where something is wrong and a reason that can be said in Chinese; the text as it is where nobody knows it."""
    return known_among(SENTENCES, TEMPLATES, text)


def each_known_again(text: str) -> list[Wrong]:
    """Return what was wrong with several questions, each after the name of its message."""
    return [known_again(part) for part in re.split(r"; (?=\w+: )", text)]
