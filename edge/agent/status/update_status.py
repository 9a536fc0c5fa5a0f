"""Which bundle is open, and what became of others."""

import time
from dataclasses import dataclass, field
from typing import Literal

UpdateState = Literal["off", "idle", "looking", "fetching", "trying", "failed"]


@dataclass
class UpdateStatus:
    """`bundle`: the digest of the open one; `wanted`: that of one which is to take its place, where that is
    known. `swaps`, `failures` and `answers`, those to applications: since the start of the process.
    """

    bundle: str = ""
    state: UpdateState = "off"
    wanted: str = ""
    swaps: int = 0
    failures: int = 0
    answers: int = 0
    _since: float = field(default_factory=time.monotonic)

    @property
    def in_use_seconds(self) -> float:
        """Since when the open bundle answers; a reload of the settings changes nothing."""
        return time.monotonic() - self._since

    @property
    def under_way(self) -> bool:
        """Whether another bundle is on its way."""
        return self.state in {"looking", "fetching", "trying"}

    def opened(self, bundle: str) -> None:
        """A bundle answers from now on."""
        if bundle != self.bundle:
            self.bundle, self._since = bundle, time.monotonic()

    def entered(self, state: UpdateState, wanted: str = "") -> None:
        """What it does now."""
        self.state, self.wanted = state, wanted

    def answered(self) -> None:
        """An application has its answer."""
        self.answers += 1

    def failed(self) -> None:
        """A bundle was not had, or not taken."""
        self.entered("failed")
        self.failures += 1
