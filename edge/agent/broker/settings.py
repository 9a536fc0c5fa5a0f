"""Where an MQTT broker is, and by what it knows this device."""

import ssl
from pathlib import Path
from typing import NamedTuple

from edge.agent.settings.quantities import Section
from edge.agent.settings.secrets import read_secret
from protos.connection.address import is_loopback, split_address
from protos.errors import RequestError

_PORTS = {"mqtt": 1883, "mqtts": 8883}


class Broker(NamedTuple):
    """Where it is."""

    host: str
    port: int
    tls: bool


class BrokerSettings(Section, frozen=True):
    """The fields of every section that names a broker."""

    address: str  # mqtts://HOST[:PORT], mqtt://HOST[:PORT]
    user: str = ""
    password_file: Path | None = None
    ca: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    allow_plain: bool = False  # mqtt:// to another machine

    @property
    def place(self) -> str:
        """What the section is called, where a message names it."""
        return "broker"

    def check_broker(self) -> None:
        """What no field can know by itself. Raises RequestError."""
        broker = self.broker()
        if (self.client_cert is None) != (self.client_key is None):
            raise RequestError(f"{self.place}: client-cert goes with client-key; give both")
        if self.password_file and not self.user:
            raise RequestError(f"{self.place}: password-file goes with user; give both")
        if broker.tls:
            return
        if self.ca or self.client_cert:
            raise RequestError(f"{self.place}: certificates mean nothing without TLS; write mqtts://")
        if not (self.allow_plain or is_loopback(broker.host)):
            raise RequestError(
                f"{self.place}: what is sent to {broker.host} over mqtt:// can be read on the way; write "
                "mqtts://, or allow-plain = true where the network is your own"
            )

    def broker(self) -> Broker:
        """Raises RequestError for an address that is none."""
        scheme, _, place = self.address.partition("://")
        if scheme not in _PORTS or "@" in place:
            raise RequestError(
                f"{self.place}: the address is none of a broker; write mqtts://HOST[:PORT], and user and "
                "password-file beside it"
            )
        has_port = ":" in place.rpartition("]")[2]
        host, port = split_address(place if has_port else f"{place}:{_PORTS[scheme]}", "the broker's address")
        return Broker(host.strip("[]"), port, scheme == "mqtts")

    def password(self) -> str | None:
        """None where there is none. Raises RequestError for a file that cannot be read."""
        return read_secret(self.password_file) if self.password_file else None

    def tls(self) -> ssl.SSLContext | None:
        """None for mqtt://. Raises RequestError for files that are no certificates."""
        if not self.broker().tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.client_cert:
                context.load_cert_chain(self.client_cert, self.client_key)
        except OSError as error:
            raise RequestError(
                f"its certificates cannot be used ({error}); give PEM files as ca, client-cert and client-key"
            ) from error
        return context
