"""A service as a device or an operator names it: where it is, and what the two prove to each other."""

from dataclasses import dataclass
from pathlib import Path

from typing_extensions import Self

from protos.connection.address import is_loopback, split_address
from protos.errors import RequestError

WHAT = "the cloud's address"
HTTPS_PORT = 443
_HTTP, _HTTPS = "http://", "https://"


@dataclass(frozen=True)
class Credentials:
    """Files, all PEM but the token's. They are read when a connection is made; the token's at every call."""

    ca: Path | None = None  # whom to trust for the service's certificate; None: those that gRPC trusts
    client_cert: Path | None = None  # what this device shows of itself
    client_key: Path | None = None
    token_file: Path | None = None

    def __post_init__(self) -> None:
        if (self.client_cert is None) != (self.client_key is None):
            raise RequestError(
                "a client certificate goes with its key; give both --client-cert and --client-key"
            )


_NONE = Credentials()


@dataclass(frozen=True)
class Peer:
    """Raises RequestError for an address that is none, or credentials that the connection cannot carry."""

    host: str
    port: int
    tls: bool = False
    credentials: Credentials = _NONE

    def __post_init__(self) -> None:
        if not self.port:
            raise RequestError(f"{WHAT} '{self}' has port 0; give the one it listens on", address=str(self))
        if self.tls:
            return
        if self.credentials.ca or self.credentials.client_cert:
            message = (
                f"{self} is reached without TLS, where certificates mean nothing; write https://{self.target}"
            )
            raise RequestError(message, address=str(self))
        if self.credentials.token_file and not is_loopback(self.host):
            message = (
                f"a token sent to {self} without TLS could be read on the way; write https://{self.target}"
            )
            raise RequestError(message, address=str(self))

    @classmethod
    def parse(cls, text: str, credentials: Credentials = _NONE) -> Self:
        """`HOST:PORT` or `http://HOST:PORT` for a connection in the clear, `https://HOST[:PORT]` for TLS."""
        before, slashes, after = text.partition("//")
        scheme = (before + slashes).lower() if slashes else ""
        if scheme not in {"", _HTTP, _HTTPS}:
            message = f"{WHAT} {text!r}: a cloud is not reached by {scheme}; write HOST:PORT or https://HOST"
            raise RequestError(message, address=text)
        place = after.removesuffix("/") if slashes else text
        host, port = split_address(_with_port(place) if scheme == _HTTPS else place, WHAT)
        return cls(host, port, scheme == _HTTPS, credentials)

    @property
    def target(self) -> str:
        """What gRPC connects to."""
        return f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{_HTTPS}{self.target}" if self.tls else self.target


def _with_port(place: str) -> str:
    has_port = ":" in place.rpartition("]")[2]
    return place if has_port else f"{place}:{HTTPS_PORT}"
