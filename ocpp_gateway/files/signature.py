"""Whether a firmware's signature is its manufacturer's, as stations check it (OCPP: SHA-256, X.509). Pure."""

import base64
import binascii

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from youguan.errors import Invalid

SHA256 = Prehashed(hashes.SHA256())


def check_signature(certificate_pem: str, signature_base64: str, sha256: str) -> None:
    """Refuse a signature that is not the certificate's over content with this hash; Invalid names the member."""
    key = read_certificate(certificate_pem).public_key()
    signature = read_signature(signature_base64)
    try:
        match key:
            case ec.EllipticCurvePublicKey():
                key.verify(signature, bytes.fromhex(sha256), ec.ECDSA(SHA256))
            case rsa.RSAPublicKey():
                _check_rsa(key, signature, bytes.fromhex(sha256))
            case _:
                raise Invalid.about("signing_certificate", "its key is neither RSA nor of an elliptic curve")
    except InvalidSignature:
        raise Invalid.about("signature", "is not the certificate's signature of this content") from None


def read_certificate(pem: str) -> x509.Certificate:
    """Return the certificate of a PEM text."""
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise Invalid.about("signing_certificate", "is no X.509 certificate in PEM") from None


def read_signature(text: str) -> bytes:
    """Return the bytes of a signature in Base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid.about("signature", "is not Base64") from None


def _check_rsa(key: rsa.RSAPublicKey, signature: bytes, digest: bytes) -> None:
    """Both paddings are in use; the specification leaves it open."""
    try:
        key.verify(signature, digest, padding.PKCS1v15(), SHA256)
    except InvalidSignature:
        key.verify(signature, digest, padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO), SHA256)
