"""The certificate that a device showed at the handshake, as its identity."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from cryptography import x509

from cloud.identity.identity import DEFAULT_TENANT, Identity
from protos.errors import RequestError, Unauthenticated


class Shown(NamedTuple):
    """Whom a certificate names, and until when."""

    identity: Identity
    until: datetime


def certificate_identity(pem: bytes) -> Identity:
    """A device of the default tenant, by its URI, else its DNS name, else its common name. gRPC has checked
    who signed it. Raises Unauthenticated for one that names nobody, or has expired since.
    """
    shown = _shown(pem)
    if datetime.now(UTC) >= shown.until:
        raise Unauthenticated(
            "the device's certificate has expired; renew it, and give the new one with --client-cert"
        )
    return shown.identity


@lru_cache(1024)
def _shown(pem: bytes) -> Shown:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        identity = Identity.checked(DEFAULT_TENANT, _name(certificate), "device")
    except (ValueError, RequestError) as error:
        raise Unauthenticated(
            "the device's certificate names it neither by a URI, nor by a DNS name, nor by a common name of "
            "up to 128 characters without spaces; sign one that does"
        ) from error
    return Shown(identity, certificate.not_valid_after_utc)


def _name(certificate: x509.Certificate) -> str:
    """The first name; empty where there is none."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = x509.SubjectAlternativeName([])
    found = [
        *names.get_values_for_type(x509.UniformResourceIdentifier),
        *names.get_values_for_type(x509.DNSName),
    ]
    common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return next(iter(found + [str(attribute.value) for attribute in common]), "")
