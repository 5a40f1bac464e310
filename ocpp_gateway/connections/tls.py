"""TLS for stations: the context that OCPP asks for, read again when its files change, and what a certificate says."""

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocpp_gateway.stations.admission import Certificate
from ocpp_gateway.stations.doorkeeper import read_revoked
from youguan.errors import YouguanError

log = logging.getLogger(__name__)

# OCPP 2.0.1 part 2, A00.FR.318 and 2.3: ECDHE first; the last two, without forward secrecy, are all that some stations have.
CIPHERS = ":".join((
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384", "AES128-GCM-SHA256", "AES256-GCM-SHA384",
))  # fmt: skip
LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class Files:
    """Where the certificates are."""

    certificates: Sequence[Path]
    client_ca: Path | None
    revoked: Path | None

    def all(self) -> list[Path]:
        found = [*self.certificates, *(key_of(file) for file in self.certificates), self.client_ca, self.revoked]
        return [file for file in found if file is not None]


def key_of(certificate: Path) -> Path:
    """Return the file of a certificate's key: beside it, or the same."""
    beside = certificate.with_suffix(".key")
    return beside if beside.exists() else certificate


def context(files: Files) -> ssl.SSLContext:
    """Return a server's context; a client need not show a certificate, but one that it shows must hold."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(CIPHERS)
    made.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    for file in files.certificates:
        made.load_cert_chain(file, key_of(file))
    if files.client_ca is not None:
        made.load_verify_locations(files.client_ca)
        made.verify_mode = ssl.CERT_OPTIONAL
    return made


class Tls:
    """The context in force."""

    def __init__(self, files: Files, on_revoked: Callable[[frozenset[int]], None]) -> None:
        self._files = files
        self._on_revoked = on_revoked
        self._seen = self._look()
        self.context = context(files)
        on_revoked(read_revoked(files.revoked, files.client_ca))

    async def watch(self) -> None:
        """Take in files that change: the next handshake uses them, connections stay."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.refresh()

    def refresh(self) -> None:
        """Take in what has changed; what cannot be read leaves in force what was."""
        found = self._look()
        if found == self._seen:
            return
        self._seen = found
        try:
            revoked = read_revoked(self._files.revoked, self._files.client_ca)
            self.context = context(self._files)
        except (OSError, ValueError, YouguanError) as error:
            log.error("certificates changed and cannot be used; the old ones stay: %s", error)
            return
        self._on_revoked(revoked)
        log.info("certificates read again")

    def _look(self) -> list[tuple[int, int] | None]:
        return [_stamp(file) for file in self._files.all()]


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def certificate_of(peer: dict[str, Any] | None) -> Certificate | None:
    """Return what a client's verified certificate says (`ssl` module's form); None where it showed none."""
    if not peer:
        return None
    names = {value for part in peer.get("subject", ()) for name, value in part if name == "commonName"}
    names |= {value for kind, value in peer.get("subjectAltName", ()) if kind == "DNS"}
    return Certificate(frozenset(names), int(peer["serialNumber"], 16))


def reason_of(error: BaseException) -> str:
    """Return in few words why a TLS handshake failed: a label, so of few kinds."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "tls certificate"
    if isinstance(error, ssl.SSLError):
        return REASONS.get(error.reason or "", "tls")
    return "tls gave up"


REASONS = {
    "UNSUPPORTED_PROTOCOL": "tls version",
    "NO_SHARED_CIPHER": "tls cipher",
    "HTTP_REQUEST": "tls expected",
    "WRONG_VERSION_NUMBER": "tls expected",
    "CERTIFICATE_VERIFY_FAILED": "tls certificate",
}
