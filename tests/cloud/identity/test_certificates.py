"""Whom a certificate names, and until when."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from cloud.identity.certificates import certificate_identity
from cloud.identity.identity import Identity, Role
from protos.errors import Unauthenticated

KEY = ec.generate_private_key(ec.SECP256R1())
DAY = timedelta(days=1)


def certificate(*names: x509.GeneralName, common: str | None = None, until: timedelta = DAY) -> bytes:
    subject = [x509.NameAttribute(x509.NameOID.COMMON_NAME, common)] if common else []
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(x509.Name([]))
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - 9 * DAY)
        .not_valid_after(datetime.now(UTC) + until)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(KEY, SHA256()).public_bytes(Encoding.PEM)


URI, DNS = x509.UniformResourceIdentifier("spiffe://acme/7"), x509.DNSName("camera-7.example")


@pytest.mark.parametrize(
    ("pem", "device"),
    [
        (certificate(DNS, URI, common="c"), "spiffe://acme/7"),
        (certificate(DNS, common="c"), "camera-7.example"),
        (certificate(common="camera-7"), "camera-7"),
        (certificate(x509.RFC822Name("a@b.example"), common="camera-7"), "camera-7"),
    ],
)
def test_it_is_named_by_uri_else_dns_name_else_common_name(pem: bytes, device: str) -> None:
    assert certificate_identity(pem) == Identity("default", device, Role.DEVICE)


@pytest.mark.parametrize("pem", [certificate(), certificate(common="camera 7"), b"", b"no certificate"])
def test_one_that_names_nobody_is_told(pem: bytes) -> None:
    with pytest.raises(Unauthenticated, match="names it neither by a URI"):
        certificate_identity(pem)


def test_one_that_has_expired_since_its_handshake_is_told() -> None:
    with pytest.raises(Unauthenticated, match="certificate has expired; renew it"):
        certificate_identity(certificate(DNS, until=-DAY))
