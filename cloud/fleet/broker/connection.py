"""The connection to the fleet's broker."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import anyio
import anyio.to_thread

from protos.connection.address import is_loopback, split_address
from protos.errors import CloudError, RequestError

_PORTS = {"mqtt": "1883", "mqtts": "8883"}
_KEEPALIVE_SECONDS, _TIMEOUT_SECONDS, _GOODBYE_SECONDS = 15, 10, 2
_MAX_PASSWORD = 4096
_MAX_INCOMING = 50_000  # messages until they are taken over; what comes beyond is dropped and logged


@dataclass(frozen=True)
class BrokerConfig:
    """Where the broker is, and what it knows us by. Raises RequestError for options that do not go
    together.
    """

    address: str = "mqtt://127.0.0.1:1883"
    user: str = ""
    password_file: Path | None = None
    ca: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    allow_plain: bool = False

    def __post_init__(self) -> None:
        if (self.client_cert is None) != (self.client_key is None):
            raise RequestError("--mqtt-cert goes with --mqtt-key; give both")
        if self.password_file and not self.user:
            raise RequestError("--mqtt-password-file goes with --mqtt-user; give both")
        host, _, tls = self.place()
        if not tls and (self.ca or self.client_cert):
            raise RequestError("certificates mean nothing without TLS; write --mqtt mqtts://HOST")
        if not (tls or self.allow_plain or is_loopback(host)):
            raise RequestError(
                f"what is sent to {host} over mqtt:// can be read and changed on the way; write mqtts://, or "
                "add --mqtt-plain where the network is your own"
            )

    def place(self) -> tuple[str, int, bool]:
        """Host, port, and whether there is TLS."""
        scheme, _, place = self.address.partition("://")
        if scheme not in _PORTS or "@" in place:
            raise RequestError(f"--mqtt {self.address[:64]!r} is no broker; write mqtts://HOST[:PORT]")
        if ":" not in place.rpartition("]")[2]:
            place = f"{place}:{_PORTS[scheme]}"
        host, port = split_address(place, "--mqtt")
        return host.strip("[]"), port, scheme == "mqtts"

    def password(self) -> str | None:
        """Raises RequestError for a file that cannot be read."""
        if not self.password_file:
            return None
        try:
            return self.password_file.read_text(encoding="utf-8")[:_MAX_PASSWORD].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise RequestError("--mqtt-password-file cannot be read; give another file") from error

    def tls(self) -> ssl.SSLContext | None:
        """Raises RequestError for files that are no certificates."""
        if not self.place()[2]:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.client_cert:
                context.load_cert_chain(self.client_cert, self.client_key)
        except OSError as error:
            raise RequestError(
                f"--mqtt-ca and --mqtt-cert cannot be used ({error}); give PEM files"
            ) from error
        return context


@asynccontextmanager
async def connected_controller(config: BrokerConfig, fleet: str) -> AsyncIterator[aiomqtt.Client]:
    """As the one controller of a fleet: a broker hangs up on an earlier one. Raises CloudError
    where there is no connection, RequestError for credentials that are none.
    """
    host, port, _ = config.place()
    client = aiomqtt.Client(
        host,
        port,
        identifier=f"isthmus-controller-{fleet}",
        username=config.user or None,
        password=config.password(),
        keepalive=_KEEPALIVE_SECONDS,
        timeout=_TIMEOUT_SECONDS,
        tls_context=await anyio.to_thread.run_sync(config.tls),
        max_queued_incoming_messages=_MAX_INCOMING,
        max_inflight_messages=200,
    )
    try:
        await client.__aenter__()
    except aiomqtt.MqttError as error:
        raise CloudError(f"no connection to the broker at {host}: {error}") from error
    try:
        yield client
    finally:
        with anyio.move_on_after(_GOODBYE_SECONDS, shield=True), suppress(aiomqtt.MqttError):
            await client.__aexit__(None, None, None)
