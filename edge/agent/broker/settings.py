"""Where an MQTT broker is, and by what it knows this device, in `agent.toml`."""

from pathlib import Path

from edge.agent.settings.quantities import Section
from protos.connection.broker import BrokerAccess, BrokerNames


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

    @property
    def access(self) -> BrokerAccess:
        """Unchecked."""
        return BrokerAccess(
            self.address,
            self.user,
            self.password_file,
            self.ca,
            self.client_cert,
            self.client_key,
            self.allow_plain,
            BrokerNames(self.place),
        )
