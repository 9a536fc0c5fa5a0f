"""An identity provider for tests: keys, the tokens that they sign, and its key set as a file or over HTTP."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE, ISSUER = "isthmus", "https://login.example"
DAY = 86_400.0  # longer than any run of the tests
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class Signer:
    """A key of the provider."""

    def __init__(self, name: str, key: PrivateKey | None = None) -> None:
        self.name, self.key = name, key or ec.generate_private_key(ec.SECP256R1())

    def token(self, algorithm: str = "", kid: str | None = None, **claims: Any) -> str:
        """A token that is right but for what is given."""
        given = {"sub": "camera-7", "aud": AUDIENCE, "iss": ISSUER, "exp": time.time() + DAY} | claims
        present = {name: value for name, value in given.items() if value is not None}
        header = {"kid": self.name if kid is None else kid}
        return jwt.encode(present, self.key, algorithm or self.algorithm, header)

    @property
    def algorithm(self) -> str:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return "RS256"
        return "ES256" if isinstance(self.key, ec.EllipticCurvePrivateKey) else "EdDSA"

    @property
    def public(self) -> dict[str, Any]:
        """Its public half, as a key set has it."""
        kind: Any = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}[self.algorithm]
        public: Any = self.key.public_key()
        return {"kid": self.name, "use": "sig", **kind.to_jwk(public, as_dict=True)}

    @property
    def public_pem(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def of_each_kind() -> list[Signer]:
    return [
        Signer("rsa", rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        Signer("ec"),
        Signer("okp", ed25519.Ed25519PrivateKey.generate()),
    ]


def forged(header: Mapping[str, Any] | str, claims: Mapping[str, Any], secret: bytes = b"") -> str:
    """What no library would sign: any header, and an HMAC by some secret."""
    head = header if isinstance(header, str) else json.dumps(header)
    signed = b".".join(map(_encoded, (head.encode(), json.dumps(claims).encode())))
    signature = hmac.digest(secret, signed, hashlib.sha256) if secret else b""
    return b".".join((signed, _encoded(signature))).decode()


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def published(*signers: Signer) -> bytes:
    return json.dumps({"keys": [signer.public for signer in signers]}).encode()


def key_file(path: Path, *signers: Signer) -> Path:
    path.write_bytes(published(*signers))
    return path


class Published:
    """What a web server answers, and how often it was asked."""

    def __init__(self, content: bytes) -> None:
        self.content, self.status, self.asked, self.url = content, 200, 0, ""


@contextmanager
def web_server(content: bytes) -> Iterator[Published]:
    """A key set over HTTP, on this machine."""
    state = Published(content)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked += 1
            self.send_response(state.status)
            self.send_header("Location", state.url)
            self.end_headers()
            self.wfile.write(state.content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        try:
            yield state
        finally:
            server.shutdown()
