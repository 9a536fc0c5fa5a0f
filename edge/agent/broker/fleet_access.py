"""The fleet that operators see this device in."""

from edge.agent.broker.settings import BrokerSettings
from edge.agent.settings.names import Name
from edge.agent.settings.quantities import Bytes, Milliseconds, Percent


class FleetAccess(BrokerSettings, frozen=True, kw_only=True):
    """`[fleet]`. Operators tune this device through the broker, within what the rest of the file allows.
    `telemetry`: how often is told what was answered, and how; `"0s"`: never. `agreement`: of so many answers
    the whole model in the cloud is asked once more, for at most `agreement_bytes` an hour; never where the
    question's rules keep pictures here.
    """

    name: Name = "home"
    telemetry: Milliseconds = Milliseconds(30_000)
    agreement: Percent = Percent(1)
    agreement_bytes: Bytes = Bytes(1_000_000)
    takeover: Milliseconds = Milliseconds(6 * 3_600_000)  # that a bundle may take; then operators are told so
    allow_content: bool = False  # a diagnosis may tell questions and answers
    allow_restart: bool = True  # an operator may have the agent end, so that its supervisor starts it anew

    @property
    def place(self) -> str:
        return "fleet"

    def check(self) -> None:
        """Raises RequestError."""
        self.access.check()
