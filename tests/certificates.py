"""An authority for tests, and what it signs: OpenSSL's command, as an operator would use it."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

openssl_only = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl here to make certificates")


@dataclass(frozen=True)
class Certificate:
    """PEM files."""

    path: Path
    key: Path


class Authority:
    """Its own certificate and key are `ca`; those that it signs are beside them."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self.ca = folder, _files(folder, name)
        _openssl("req", "-x509", *_NEW_KEY, self.ca.key, "-out", self.ca.path, "-subj", f"/CN={name}")

    def sign(self, name: str, names: str = "DNS:localhost,IP:127.0.0.1", days: int = 2) -> Certificate:
        """A certificate for these names; of no days at all it has expired."""
        signed, request = _files(self._folder, name), self._folder / f"{name}.csr"
        extensions = self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}")
        _openssl("req", *_NEW_KEY, signed.key, "-out", request, "-subj", f"/CN={name}")
        with_ca = ("-CA", self.ca.path, "-CAkey", self.ca.key, "-CAcreateserial", "-days", days)
        _openssl("x509", "-req", "-in", request, *with_ca, "-out", signed.path, "-extfile", extensions)
        return signed

    def server(self, certificate: Certificate, *, clients: bool = False) -> grpc.ServerCredentials:
        """For a server of ours; with `clients` it takes only those whom this authority has signed."""
        pair = (certificate.key.read_bytes(), certificate.path.read_bytes())
        trusted = self.ca.path.read_bytes() if clients else None
        return grpc.ssl_server_credentials([pair], trusted, require_client_auth=clients)


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout")


def _files(folder: Path, name: str) -> Certificate:
    return Certificate(folder / f"{name}.pem", folder / f"{name}.key")


def _openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
