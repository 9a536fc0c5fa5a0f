"""What is kept on the device until there is a link."""

from pathlib import Path

from edge.agent.settings.quantities import Bytes, Milliseconds, Section
from protos.errors import RequestError
from protos.terminal.units import format_size

_MIN_BYTES = 1 << 20


class OutboxSettings(Section, frozen=True):
    """`[outbox]`. Without one nothing is deferred."""

    path: Path
    size: Bytes = Bytes(64_000_000)  # on disk, the log and free pages included
    age: Milliseconds = Milliseconds(24 * 3.6e6)  # the longest `defer`, and how long answers can be fetched
    writes_per_day: Bytes = Bytes(500_000_000)  # flash wears; by UTC

    def check(self) -> None:
        """Raises RequestError."""
        if self.size < _MIN_BYTES:
            raise RequestError(
                f"outbox.size: {format_size(self.size)} is too little; give {format_size(_MIN_BYTES)} or more"
            )

    def check_defer(self, place: str, defer: Milliseconds) -> None:
        """Raises RequestError for what would be deferred for longer than anything is kept."""
        if not 0 < defer <= self.age:
            raise RequestError(
                f"{place}: {defer.seconds / 3600:g}h is not kept so long; give up to outbox.age, which is "
                f"{self.age.seconds / 3600:g}h"
            )
