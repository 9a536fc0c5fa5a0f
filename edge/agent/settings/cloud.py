"""Where the cloud is, or several, and by what each knows this device."""

from pathlib import Path

from edge.agent.settings.names import Name
from edge.agent.settings.quantities import Section
from protos.connection.peer import Credentials, Peer


class CloudSettings(Section, frozen=True):
    """`[cloud]`, or `[[cloud]]` for each of several. Without one the device answers alone."""

    address: str
    name: Name | None = None  # its address; of one among several, in decisions, metrics and logs
    ca: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    token_file: Path | None = None

    def peer(self) -> Peer:
        """Raises RequestError for what is no address, and for credentials that are none."""
        return Peer.parse(
            self.address, Credentials(self.ca, self.client_cert, self.client_key, self.token_file)
        )
