"""Which bundle is open, and what became of others."""

import time
from dataclasses import dataclass, field
from typing import Literal

import anyio

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
    # the last bundle that this device does not take, and why: not one that it could not fetch so far
    given_up: tuple[str, str] = ("", "")
    on_trial: bool = False  # the open one has not answered yet
    in_a_row: int = 0  # failures since something else was wanted, or had
    error: str = ""  # of the last of these
    _changed: anyio.Event = field(default_factory=anyio.Event)
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
            self._notify()

    def entered(self, state: UpdateState, wanted: str = "") -> None:
        """What it does now."""
        self.state, self.wanted = state, wanted
        if state == "idle":
            self.in_a_row, self.error = 0, ""
        self._notify()

    def tries(self, *, on: bool) -> None:
        """The open bundle is on trial, or is no more."""
        self.on_trial = on
        self._notify()

    def gives_up(self, bundle: str, reason: str) -> None:
        """A bundle does not answer here."""
        self.given_up = bundle, reason
        self._notify()

    def begins_anew(self) -> None:
        """What failed before was of something else, or an earlier try."""
        self.in_a_row, self.error, self.given_up = 0, "", ("", "")
        self._notify()

    async def changed(self) -> None:
        """Returns once something is so that was not when it was called; answers are nothing new."""
        await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def answered(self) -> None:
        """An application has its answer."""
        self.answers += 1

    def failed(self, reason: str) -> None:
        """A bundle was not had, or not taken."""
        self.failures, self.in_a_row, self.error = self.failures + 1, self.in_a_row + 1, reason
        self.entered("failed")
