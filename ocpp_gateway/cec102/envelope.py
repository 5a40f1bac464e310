"""The envelope of T/CEC 102: AES-128-CBC inside, HMAC-MD5 around it. Pure."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

import orjson
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from youguan.clock import COUNTY
from youguan.errors import FieldError, Invalid

STAMP = "%Y%m%d%H%M%S"
TOLERATED = timedelta(minutes=5)  # by which a platform's clock may differ from ours
LARGEST_ENVELOPE = 1_000_000
KEY_BYTES = 16
DEEPEST = 20


class Ret(IntEnum):
    """The outcome, as part 4 of the standard numbers it."""

    BUSY = -1
    OK = 0
    FAILED = 500
    SIGNATURE = 4001
    TOKEN = 4002
    ENVELOPE = 4003
    CONTENT = 4004


class Declined(Exception):
    """An envelope that is not taken: the outcome, and in words what is wrong."""

    def __init__(self, ret: Ret, reason: str) -> None:
        super().__init__(reason)
        self.ret = ret
        self.reason = reason


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """What both sides of one direction know, as literal text."""

    operator_secret: str
    data_secret: str
    data_secret_iv: str
    sig_secret: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request as it came: nothing of it is believed until its signature is checked."""

    operator_id: str
    data: str
    stamp: str
    seq: str
    signature: str

    @property
    def digest(self) -> bytes:
        """Return what tells it apart from every other: of all that is signed, and of the signature."""
        signed = "\n".join((self.operator_id, self.data, self.stamp, self.seq, self.signature.upper()))
        return hashlib.sha256(signed.encode()).digest()


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: `data` is the ciphertext; `signed`: its signature fits."""

    ret: int
    message: str
    data: str
    signed: bool


MEMBERS = ("OperatorID", "Data", "TimeStamp", "Seq", "Sig")


def wrong_secrets(secrets: Secrets) -> list[FieldError]:
    """Return what is wrong with secrets, by field."""
    errors = [
        FieldError(name, f"must have {KEY_BYTES} bytes")
        for name in ("data_secret", "data_secret_iv")
        if len(getattr(secrets, name).encode()) != KEY_BYTES
    ]
    errors += [FieldError(n, "is empty") for n in ("operator_secret", "sig_secret") if not getattr(secrets, n)]
    return errors


# --- the content ------------------------------------------------------------------------------------------------


def encrypt(content: bytes, secrets: Secrets) -> str:
    """Return content as `Data` carries it."""
    padder = PKCS7(AES.block_size).padder()
    cipher = _cipher(secrets).encryptor()
    padded = padder.update(content) + padder.finalize()
    return base64.b64encode(cipher.update(padded) + cipher.finalize()).decode()


def decrypt(data: str, secrets: Secrets) -> bytes:
    """Return what `Data` carries; Declined where these secrets do not open it."""
    try:
        sealed = base64.b64decode(data, validate=True)
        cipher, unpadder = _cipher(secrets).decryptor(), PKCS7(AES.block_size).unpadder()
        return unpadder.update(cipher.update(sealed) + cipher.finalize()) + unpadder.finalize()
    except (binascii.Error, ValueError):
        raise Declined(Ret.ENVELOPE, "Data: cannot be decrypted") from None


def _cipher(secrets: Secrets) -> Cipher[CBC]:
    return Cipher(AES(secrets.data_secret.encode()), CBC(secrets.data_secret_iv.encode()))


def content_of(data: str, secrets: Secrets) -> dict[str, Any]:
    """Return the business object of `Data`; Declined where there is none in it."""
    return parsed(decrypt(data, secrets))


def parsed(content: bytes) -> dict[str, Any]:
    """Return the business object of a JSON text; Declined."""
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Declined(Ret.CONTENT, f"Data: not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Declined(Ret.CONTENT, "Data: not an object")
    if _is_deeper(document, DEEPEST):
        raise Declined(Ret.CONTENT, f"Data: nested more than {DEEPEST} deep")
    return document


def _is_deeper(value: Any, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        level = [m for v in level if isinstance(v, dict | list) for m in (v.values() if isinstance(v, dict) else v)]
    return bool(level)


# --- the signature ----------------------------------------------------------------------------------------------


def request_signature(operator_id: str, data: str, stamp: str, seq: str, secrets: Secrets) -> str:
    """Return `Sig` of a request."""
    return _signature(operator_id + data + stamp + seq, secrets)


def answer_signature(ret: int, message: str, data: str, secrets: Secrets) -> str:
    """Return `Sig` of a response."""
    return _signature(f"{ret}{message}{data}", secrets)


def _signature(text: str, secrets: Secrets) -> str:
    return hmac.new(secrets.sig_secret.encode(), text.encode(), "md5").hexdigest().upper()


# --- the envelope -----------------------------------------------------------------------------------------------


def sealed_request(
    operator_id: str, content: Mapping[str, Any], at: datetime, number: int, secrets: Secrets
) -> dict[str, str]:
    """Return a request; `number` counts those of one second from 1."""
    data = encrypt(orjson.dumps(content), secrets)
    stamp, seq = stamp_of(at), f"{number:04d}"
    return {
        "OperatorID": operator_id,
        "Data": data,
        "TimeStamp": stamp,
        "Seq": seq,
        "Sig": request_signature(operator_id, data, stamp, seq, secrets),
    }


def sealed_answer(ret: int, message: str, content: Mapping[str, Any], secrets: Secrets | None) -> dict[str, Any]:
    """Return a response; to somebody unknown it can be neither encrypted nor signed."""
    if secrets is None:
        return {"Ret": int(ret), "Msg": message, "Data": "", "Sig": ""}
    data = encrypt(orjson.dumps(content), secrets)
    return {
        "Ret": int(ret),
        "Msg": message,
        "Data": data,
        "Sig": answer_signature(int(ret), message, data, secrets),
    }


def read_envelope(body: bytes) -> Envelope:
    """Return the envelope of a body; Declined names what is missing. Numbers are taken for the digits they are written in."""
    if len(body) > LARGEST_ENVELOPE:
        raise Declined(Ret.ENVELOPE, f"larger than {LARGEST_ENVELOPE} bytes")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Declined(Ret.ENVELOPE, f"not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Declined(Ret.ENVELOPE, "not an object")
    found = {name: _text(document.get(name)) for name in MEMBERS}
    missing = [name for name, value in found.items() if not value]
    if missing:
        raise Declined(Ret.ENVELOPE, f"{', '.join(missing)}: missing, or no text")
    return Envelope(found["OperatorID"], found["Data"], found["TimeStamp"], found["Seq"], found["Sig"])


def _text(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def check_signature(envelope: Envelope, secrets: Secrets) -> None:
    """Decline an envelope that was not signed with these secrets."""
    expected = request_signature(envelope.operator_id, envelope.data, envelope.stamp, envelope.seq, secrets)
    if not hmac.compare_digest(expected.encode(), envelope.signature.upper().encode()):
        raise Declined(Ret.SIGNATURE, "Sig: does not fit")


def check_time(envelope: Envelope, now: datetime) -> datetime:
    """Return when an envelope was made; Declined where that is too long ago, or ahead."""
    if not (envelope.seq.isascii() and envelope.seq.isdigit() and len(envelope.seq) <= 4):
        raise Declined(Ret.ENVELOPE, "Seq: not four digits")
    try:
        made_at = time_of(envelope.stamp)
    except ValueError:
        raise Declined(Ret.ENVELOPE, "TimeStamp: not yyyyMMddHHmmss") from None
    if abs(now - made_at) > TOLERATED:
        raise Declined(
            Ret.ENVELOPE, f"TimeStamp: {envelope.stamp} is more than 5 minutes from {stamp_of(now)}, the time here"
        )
    return made_at


def read_answer(body: bytes, secrets: Secrets) -> Answer:
    """Return a response, one of success only if its signature fits; Invalid names what is wrong."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Invalid("the answer is not JSON") from None
    if not isinstance(document, dict):
        raise Invalid("the answer is not an object")
    try:
        ret = int(document["Ret"])
    except (KeyError, TypeError, ValueError):
        raise Invalid("the answer's Ret is missing, or no number") from None
    message, data, signature = (str(document.get(name) or "") for name in ("Msg", "Data", "Sig"))
    expected = answer_signature(ret, message, data, secrets)
    signed = hmac.compare_digest(expected.encode(), signature.upper().encode())
    if ret == Ret.OK and not signed:
        raise Invalid("the answer's Sig does not fit")
    return Answer(ret, message, data, signed)


def stamp_of(at: datetime) -> str:
    """Return a time as `TimeStamp` has it: the county's."""
    return at.astimezone(COUNTY).strftime(STAMP)


def time_of(stamp: str) -> datetime:
    """Return the time of a `TimeStamp`; ValueError."""
    if len(stamp) != 14 or not (stamp.isascii() and stamp.isdigit()):
        raise ValueError(stamp)
    return datetime.strptime(stamp, STAMP).replace(tzinfo=COUNTY)
