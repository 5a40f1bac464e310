"""A small certificate authority for stations and the gateway: a folder with a key, certificates and a revocation list.

Keys are ECDSA P-256, a server's RSA 3072 where stations need that. A station's certificate carries its id as common name.
"""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from youguan.errors import Conflict, Invalid, NotFound
from youguan.station_ids import LONGEST, can_connect

AUTHORITY_LIFETIME = timedelta(days=3650)
SERVER_LIFETIME = timedelta(days=825)
STATION_LIFETIME = timedelta(days=730)
BACKDATED = timedelta(minutes=5)  # a station's clock may be slow
LEAST_RSA_BITS = 2048
LONGEST_NAME = 64  # of X.520's common name
LONGEST_SERIAL_BITS = 159
CURVES = ("secp256r1", "secp384r1", "secp521r1")

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True, slots=True)
class Issued:
    """A new certificate with its chain; `key` is None where the other side keeps it."""

    serial: str
    certificate: str
    key: str | None
    until: datetime


class Authority:
    """The authority of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate_file = folder / "ca.pem"
        self.revoked_file = folder / "revoked.pem"
        self._key_file = folder / "ca.key"

    def exists(self) -> bool:
        return self.certificate_file.exists()

    def make(self, name: str, now: datetime) -> None:
        """Make the authority; Conflict where there is one already: its key is never written over."""
        if self._key_file.exists() or self.exists():
            raise Conflict(f"there is an authority in {self.folder} already")
        subject = _name(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(subject, subject, key.public_key(), now, AUTHORITY_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        write_secret(self._key_file, _pem_of(key))
        write_public(self.certificate_file, _text(certificate))
        self._write_revoked(x509.CertificateRevocationListBuilder(), now)

    def server(self, names: Sequence[str], now: datetime, *, use_rsa: bool = False) -> Issued:
        """Issue a server's certificate for DNS names and addresses."""
        key = rsa.generate_private_key(65537, 3072) if use_rsa else ec.generate_private_key(ec.SECP256R1())
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
        subject = _name(names[0][:LONGEST_NAME])
        builder = _builder(subject, self._subject(), key.public_key(), now, SERVER_LIFETIME)
        builder = builder.add_extension(alternatives, critical=False)
        return self._issue(builder, ExtendedKeyUsageOID.SERVER_AUTH, key)

    def station(self, station_id: str, now: datetime, *, lifetime: timedelta = STATION_LIFETIME) -> Issued:
        """Issue a station's certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(station_name(station_id), self._subject(), key.public_key(), now, lifetime)
        return self._issue(builder, ExtendedKeyUsageOID.CLIENT_AUTH, key)

    def sign(self, request: str, station_id: str, now: datetime) -> Issued:
        """Sign a station's own request; Invalid where it is none, is weak, or names somebody else."""
        public_key = check_request(request, station_id)
        builder = _builder(station_name(station_id), self._subject(), public_key, now, STATION_LIFETIME)
        return self._issue(builder, ExtendedKeyUsageOID.CLIENT_AUTH, None)

    def revoke(self, serial: str, now: datetime) -> None:
        """Let a certificate no longer hold; a second time changes nothing."""
        number = _number(serial)
        listed = x509.load_pem_x509_crl(self.revoked_file.read_bytes())
        if listed.get_revoked_certificate_by_serial_number(number) is not None:
            return
        builder = x509.CertificateRevocationListBuilder()
        for entry in listed:
            builder = builder.add_revoked_certificate(entry)
        entry = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now).build()
        self._write_revoked(builder.add_revoked_certificate(entry), now)

    def _subject(self) -> x509.Name:
        return self._certificate().subject

    def _certificate(self) -> x509.Certificate:
        if not self.exists():
            raise NotFound(f"there is no authority in {self.folder}; make one with `youguan pki init`")
        return x509.load_pem_x509_certificate(self.certificate_file.read_bytes())

    def _key(self) -> ec.EllipticCurvePrivateKey:
        key = serialization.load_pem_private_key(self._key_file.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key

    def _issue(
        self, builder: x509.CertificateBuilder, purpose: x509.ObjectIdentifier, key: PrivateKey | None
    ) -> Issued:
        own = self._certificate()
        identifier = own.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        certificate = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
            .sign(self._key(), hashes.SHA256())
        )
        return Issued(
            f"{certificate.serial_number:X}",
            _text(certificate) + _text(own),
            _pem_of(key) if key else None,
            certificate.not_valid_after_utc,
        )

    def _write_revoked(self, builder: x509.CertificateRevocationListBuilder, now: datetime) -> None:
        revoked = (
            builder.issuer_name(self._subject())
            .last_update(now)
            .next_update(now + AUTHORITY_LIFETIME)
            .sign(self._key(), hashes.SHA256())
        )
        write_public(self.revoked_file, revoked.public_bytes(serialization.Encoding.PEM).decode())


def station_name(station_id: str) -> x509.Name:
    """Return a station's subject: its id as common name; Invalid where no station could connect under it."""
    if not can_connect(station_id):
        raise Invalid(f"{station_id!r:.80} is no station id: 1 to {LONGEST} printable characters without /")
    return _name(station_id)


def _name(name: str) -> x509.Name:
    if not 0 < len(name) <= LONGEST_NAME:
        raise Invalid(f"a name has 1 to {LONGEST_NAME} characters")
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def check_request(request: str, station_id: str) -> PublicKey:
    """Return the public key of a station's request; Invalid where it is none, is weak, or names somebody else."""
    try:
        read = x509.load_pem_x509_csr(request.encode())
        key = read.public_key()
        signed = read.is_signature_valid
        names = [str(a.value) for a in read.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except ValueError:
        raise Invalid("no certificate request in PEM") from None
    if not signed:
        raise Invalid("the request is not signed with its own key")
    if names != [station_id]:
        raise Invalid(f"the request's common name is {', '.join(names) or 'missing'}, not {station_id}")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= LEAST_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
        return key
    raise Invalid(f"the key must be RSA of {LEAST_RSA_BITS} bits or more, or ECDSA on {', '.join(CURVES)}")


def revoked_serials(list_file: Path, authority_file: Path) -> frozenset[int]:
    """Return the serial numbers of a revocation list; Invalid where the authority has not signed it."""
    listed = x509.load_pem_x509_crl(list_file.read_bytes())
    key = x509.load_pem_x509_certificate(authority_file.read_bytes()).public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey) or not listed.is_signature_valid(key):
        raise Invalid(f"{list_file} is not signed by {authority_file}")
    return frozenset(entry.serial_number for entry in listed)


def write_secret(file: Path, text: str) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    _replace(file, text, 0o600)


def write_public(file: Path, text: str) -> None:
    """Write a file whole or not at all."""
    _replace(file, text, 0o644)


def _replace(file: Path, text: str, mode: int) -> None:
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as opened:
        opened.write(text)
    temporary.replace(file)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=not signs_certificates,
        data_encipherment=False, key_agreement=False, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        pass
    if not name or not name.isascii():
        raise Invalid(f"{name!r:.80} is no name of a host: ASCII, a name in other letters as xn--…")
    return x509.DNSName(name)


def _number(serial: str) -> int:
    try:
        number = int(serial.replace(":", ""), 16)
    except ValueError:
        number = 0
    if not 0 < number < 2**LONGEST_SERIAL_BITS:
        raise Invalid(f"{serial:.80} is no serial number (hexadecimal)")
    return number


def _text(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _pem_of(key: PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
