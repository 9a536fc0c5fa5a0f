"""The files behind a connection's credentials, each checked before gRPC sees it: gRPC would say only that a
handshake failed, and print a token that it cannot send.
"""

import logging
import stat
from pathlib import Path
from typing import NamedTuple

from protos.connection.peer import Credentials
from protos.errors import RequestError

_MAX_PEM_BYTES = 4 << 20
_MAX_TOKEN_BYTES = 6 << 10  # a call's metadata holds 8 KiB
_log = logging.getLogger(__name__)


class TlsFiles(NamedTuple):
    """PEM; None where there is no such file."""

    ca: bytes | None
    client_key: bytes | None
    client_cert: bytes | None


def read_tls_files(credentials: Credentials) -> TlsFiles:
    """What gRPC makes TLS credentials of. Raises RequestError for what is none."""
    _check_ca(credentials.ca)
    _check_client(credentials.client_cert, credentials.client_key)
    ca, key, cert = (
        _read(path, _MAX_PEM_BYTES) if path else None
        for path in (credentials.ca, credentials.client_key, credentials.client_cert)
    )
    return TlsFiles(ca, key, cert)


def read_token(path: Path) -> str:
    """The token in a file. Raises RequestError, which does not hold it."""
    token = _read(path, _MAX_TOKEN_BYTES).strip()
    if not token or not token.isascii() or not token.decode("ascii").isprintable() or b" " in token:
        message = f"{path} holds no token: one word of ASCII is wanted; write it anew"
        raise RequestError(message, path=str(path))
    return token.decode("ascii")


def warn_if_public(path: Path) -> None:
    """Say so where any user of this machine can read a secret."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # whoever reads it says why it cannot be read
    if mode & stat.S_IROTH:
        _log.warning("every user of this machine can read the token in %s; chmod o-r it", path)


def _check_ca(path: Path | None) -> None:
    import ssl

    if path is None:
        return
    try:
        text = _read(path, _MAX_PEM_BYTES).decode("ascii", "ignore")
        # an empty file would mean to gRPC: whoever is trusted by default
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text or "none")
    except ssl.SSLError as error:
        raise RequestError(
            f"{path} holds no certificate in PEM; give that of the authority", path=str(path)
        ) from error


def _check_client(cert: Path | None, key: Path | None) -> None:
    import ssl

    if cert is None or key is None:
        return
    for path in (cert, key):
        _read(path, _MAX_PEM_BYTES)
    try:
        # without a password that is given here, OpenSSL would ask for one on the terminal
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(cert, key, password="")
    except (ssl.SSLError, OSError) as error:
        message = (
            f"{cert} and {key} are no certificate and key that match, in PEM, unencrypted; give such two"
        )
        raise RequestError(message, path=str(cert)) from error


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as stream:
            found = stream.read(most + 1)
    except OSError as error:
        raise RequestError(
            f"{path} cannot be read ({error.strerror}); give another file", path=str(path)
        ) from error
    if len(found) > most:
        raise RequestError(f"{path} has more than {most} bytes; it is the wrong file", path=str(path))
    return found
