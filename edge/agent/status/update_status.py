"""Which bundle is open, and what became of others."""

from dataclasses import dataclass
from typing import Literal

UpdateState = Literal["off", "idle", "looking", "trying", "failed"]


@dataclass
class UpdateStatus:
    """Written by the task that updates. `bundle`: the digest of the open one. `swaps` and `failures`: since
    the start of the process.
    """

    bundle: str = ""
    state: UpdateState = "off"
    swaps: int = 0
    failures: int = 0

    def entered(self, state: UpdateState) -> None:
        """What it does now."""
        self.state = state

    def failed(self) -> None:
        """A bundle was not had, or not taken."""
        self.state, self.failures = "failed", self.failures + 1
