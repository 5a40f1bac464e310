"""The authority: who it signs for, what it keeps secret, what it takes back."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from youguan.errors import Conflict, Invalid, NotFound
from youguan.pki import Authority, Issued, check_request, revoked_serials, write_secret

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    authority = Authority(tmp_path / "pki")
    authority.make("Test", NOW)
    return authority


def request_of(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, *names: str) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, digest)
    return made.public_bytes(serialization.Encoding.PEM).decode()


def read(issued: Issued) -> x509.Certificate:
    return x509.load_pem_x509_certificate(issued.certificate.encode())


def test_only_the_owner_reads_the_key(authority: Authority) -> None:
    assert stat.S_IMODE((authority.folder / "ca.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(authority.folder.stat().st_mode) == 0o700
    write_secret(authority.folder / "other.key", "x")
    assert stat.S_IMODE((authority.folder / "other.key").stat().st_mode) == 0o600


def test_an_authority_is_never_written_over(authority: Authority) -> None:
    before = authority.certificate_file.read_text()
    with pytest.raises(Conflict):
        authority.make("Another", NOW)
    assert authority.certificate_file.read_text() == before


def test_without_an_authority_nothing_is_issued(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Authority(tmp_path).station("s1", NOW)


def test_a_station_is_a_client_by_its_own_name_and_signs_for_nobody(authority: Authority) -> None:
    issued = authority.station("桩 1", NOW)
    certificate = read(issued)
    assert [a.value for a in certificate.subject] == ["桩 1"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate_file.read_bytes()))
    assert f"{certificate.serial_number:X}" == issued.serial


@pytest.mark.parametrize("station_id", ["", "a/b", "s\n1", "s" * 49])
def test_under_what_nobody_could_connect_nothing_is_issued(authority: Authority, station_id: str) -> None:
    with pytest.raises(Invalid, match="is no station id"):
        authority.station(station_id, NOW)


@pytest.mark.parametrize("name", ["", "充电.cn"])
def test_what_is_no_name_of_a_server_is_said_to_be_none(authority: Authority, name: str) -> None:
    with pytest.raises(Invalid, match="name"):
        authority.server([name], NOW)


def test_a_server_has_all_its_names(authority: Authority) -> None:
    certificate = read(authority.server(["gw.example", "192.0.2.1"], NOW, use_rsa=True))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["gw.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1"]
    assert isinstance(certificate.public_key(), rsa.RSAPublicKey)


def test_a_request_is_signed_with_its_own_key(authority: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    issued = authority.sign(request_of(key, "s1"), "s1", NOW)
    assert issued.key is None
    assert read(issued).public_key() == key.public_key()


@pytest.mark.parametrize(
    ("request_text", "reason"),
    [
        ("rubbish", "^no certificate request in PEM$"),
        ("\ufffd", "^no certificate request in PEM$"),
        (request_of(ec.generate_private_key(ec.SECP256R1()), "s2"), "is s2, not s1"),
        (request_of(ec.generate_private_key(ec.SECP256R1())), "missing"),
        (request_of(ec.generate_private_key(ec.SECP256R1()), "s1", "s2"), "s1, s2"),
        (request_of(rsa.generate_private_key(65537, 1024), "s1"), "the key must be"),
        (request_of(ed25519.Ed25519PrivateKey.generate(), "s1"), "the key must be"),
    ],
)
def test_requests_that_are_not_signed(request_text: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        check_request(request_text, "s1")


def test_what_is_revoked_stays_revoked(authority: Authority, tmp_path: Path) -> None:
    first, second = authority.station("s1", NOW), authority.station("s2", NOW)
    authority.revoke(first.serial, NOW)
    authority.revoke(second.serial.lower(), NOW + timedelta(days=1))
    authority.revoke(first.serial, NOW + timedelta(days=2))
    found = revoked_serials(authority.revoked_file, authority.certificate_file)
    assert found == {int(first.serial, 16), int(second.serial, 16)}
    for serial in ("no number", "-5", "0", "F" * 41):
        with pytest.raises(Invalid, match="no serial number"):
            authority.revoke(serial, NOW)
    other = Authority(tmp_path / "other")
    other.make("Other", NOW)
    with pytest.raises(Invalid, match="not signed"):
        revoked_serials(other.revoked_file, authority.certificate_file)
