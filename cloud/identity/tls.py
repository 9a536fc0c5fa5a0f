"""The service's own certificate, which may be replaced while it runs: a handshake shows what the files hold
then, and connections that stand are left alone.
"""

import ssl
from pathlib import Path
from typing import Any, NamedTuple

import grpc

from cloud.identity.reloaded import Reloaded
from protos.errors import RequestError


class ServerFiles(NamedTuple):
    """PEM files. `client_ca`: who signs the certificates that devices must show, if they must."""

    cert: Path
    key: Path
    client_ca: Path | None


def server_credentials(files: ServerFiles) -> grpc.ServerCredentials:
    """Raises RequestError for files that are no certificate and key, or no authority."""
    paths = [path for path in files if path]
    loaded = Reloaded(paths, lambda: _configuration(files))
    shown = loaded.current()

    def changed() -> Any:  # which may be None, though types-grpcio does not say so
        """What gRPC shows from now on; None: as before."""
        nonlocal shown
        before, shown = shown, loaded.current()
        return None if shown is before else shown

    return grpc.dynamic_ssl_server_credentials(
        shown, changed, require_client_authentication=files.client_ca is not None
    )


def ssl_context(files: ServerFiles) -> ssl.SSLContext:
    """The same for HTTP. Raises RequestError as `server_credentials`."""
    loaded = Reloaded([path for path in files if path], lambda: _context(files))
    context = loaded.current()

    def greeted(connection: ssl.SSLObject | ssl.SSLSocket, *_: object) -> None:
        connection.context = loaded.current()

    context.sni_callback = greeted  # asked at every handshake
    return context


def _context(files: ServerFiles) -> ssl.SSLContext:
    _configuration(files)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.cert, files.key, password="")
    if files.client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(files.client_ca)
    return context


def _configuration(files: ServerFiles) -> grpc.ServerCertificateConfiguration:
    cert, key = _read("--tls-cert", files.cert), _read("--tls-key", files.key)
    try:
        # without a password that is given here, OpenSSL would ask for one on the terminal
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.cert, files.key, password="")
    except (ssl.SSLError, OSError) as error:
        raise RequestError(
            f"--tls-cert {files.cert} and --tls-key {files.key} are no certificate and key that match, in "
            "PEM, unencrypted; give such two"
        ) from error
    authority = None
    if files.client_ca:
        authority = _read("--client-ca", files.client_ca)
        _check_authority(files.client_ca, authority)
    return grpc.ssl_server_certificate_configuration([(key, cert)], authority)


def _check_authority(path: Path, pem: bytes) -> None:
    try:
        # an empty file would mean to gRPC: whoever is trusted by default
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(
            cadata=pem.decode("ascii", "ignore") or "none"
        )
    except ssl.SSLError as error:
        raise RequestError(
            f"--client-ca {path} holds no certificate in PEM; give that of the authority"
        ) from error


def _read(option: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RequestError(f"{option} {path} cannot be read ({error.strerror}); give another file") from error
