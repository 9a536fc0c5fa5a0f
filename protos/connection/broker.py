"""Where an MQTT broker is, and by what it knows who connects: a device, or the controller of its fleet."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from protos.connection.address import is_loopback, split_address
from protos.connection.secrets import read_secret
from protos.errors import RequestError

_PORTS = {"mqtt": 1883, "mqtts": 8883}


class BrokerPlace(NamedTuple):
    """Where it is."""

    host: str
    port: int
    tls: bool


class BrokerNames(NamedTuple):
    """What the fields of an access are called, where a message names them."""

    broker: str  # the whole of it
    user: str = "user"
    password_file: str = "password-file"  # noqa: S105 - the name of an option
    client_cert: str = "client-cert"
    client_key: str = "client-key"
    allow_plain: str = "allow-plain = true"


_NAMES = BrokerNames("broker")


@dataclass(frozen=True)
class BrokerAccess:
    """`address`: mqtts://HOST[:PORT], mqtt://HOST[:PORT]; `allow_plain`: the second to another machine."""

    address: str
    user: str = ""
    password_file: Path | None = None
    ca: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    allow_plain: bool = False
    names: BrokerNames = _NAMES

    def check(self) -> None:
        """Raises RequestError for what does not go together, or can be read on the way."""
        place, names = self.place, self.names
        if (self.client_cert is None) != (self.client_key is None):
            raise RequestError(f"{names.broker}: {names.client_cert} goes with {names.client_key}; give both")
        if self.password_file and not self.user:
            raise RequestError(f"{names.broker}: {names.password_file} goes with {names.user}; give both")
        if place.tls:
            return
        if self.ca or self.client_cert:
            raise RequestError(f"{names.broker}: certificates mean nothing without TLS; write mqtts://")
        if not (self.allow_plain or is_loopback(place.host)):
            raise RequestError(
                f"{names.broker}: what is sent to {place.host} over mqtt:// can be read and changed on the "
                f"way; write mqtts://, or {names.allow_plain} where the network is your own"
            )

    @property
    def place(self) -> BrokerPlace:
        """Raises RequestError for an address that is none."""
        scheme, _, place = self.address.partition("://")
        if scheme not in _PORTS or "@" in place:
            raise RequestError(
                f"{self.names.broker}: the address is none of a broker; write mqtts://HOST[:PORT], and "
                f"{self.names.user} and {self.names.password_file} beside it"
            )
        has_port = ":" in place.rpartition("]")[2]
        host, port = split_address(place if has_port else f"{place}:{_PORTS[scheme]}", "the broker's address")
        return BrokerPlace(host.strip("[]"), port, scheme == "mqtts")

    def password(self) -> str | None:
        """None where there is none. Raises RequestError for a file that cannot be read."""
        return read_secret(self.password_file) if self.password_file else None

    def tls(self) -> ssl.SSLContext | None:
        """None for mqtt://. Raises RequestError for files that are no certificates."""
        if not self.place.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.client_cert:
                context.load_cert_chain(self.client_cert, self.client_key)
        except OSError as error:
            raise RequestError(
                f"certificates for the broker cannot be used ({error}); give PEM files"
            ) from error
        return context


LOCAL_BROKER = BrokerAccess("mqtt://127.0.0.1:1883")
