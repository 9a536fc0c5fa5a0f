"""What a source has read, asked and been answered, counted since the agent began."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock
from types import MappingProxyType
from typing import Any, Literal

from protos.errors import CloudError, IsthmusError, NoRoute

SourceState = Literal["disabled", "opening", "open", "lost", "ended"]


@dataclass(frozen=True)
class SourceCounts:
    """Whole numbers are since the agent began, of frames unless they say otherwise.

    `gated`: questions that an earlier answer was given for, as the frame was like that one's; `as_before`: of
    those that were asked, where the cloud said so, or the frame's codes were those of the one before. `held`:
    questions that a budget of the day kept from being asked. `answered`: answers by their route. `refused`:
    of the questions that failed, those that neither the link nor a rule failed.
    """

    state: SourceState = "opening"
    reason: str = ""  # why it is lost
    held_by: str = ""  # the budget that holds its questions back now
    read: int = 0
    dropped: int = 0
    gated: int = 0
    asked: int = 0
    as_before: int = 0
    failed: int = 0
    refused: int = 0
    held: int = 0
    bytes_up: int = 0
    joules: float = 0.0
    answered: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def gated_share(self) -> float:
        """Of its questions, those that no question had to be asked for."""
        return self.gated / max(self.gated + self.asked, 1)


class SourceCounters:
    """Counts, from any thread."""

    def __init__(self) -> None:
        self._lock, self._counts = Lock(), SourceCounts()
        self._asking = list[float]()  # when each question that waits for its answer was asked

    def snapshot(self) -> SourceCounts:
        """All counts at one moment."""
        with self._lock:
            return self._counts

    def entered(self, state: SourceState, reason: str = "") -> None:
        """The source is in another state."""
        self._set(state=state, reason=reason)

    def read(self) -> None:
        self._add("read")

    def dropped(self, frames: int = 1) -> None:
        self._add("dropped", frames)

    def gated(self) -> None:
        self._add("gated")

    def as_before(self) -> None:
        self._add("as_before")

    def failed(self, error: IsthmusError) -> None:
        self._add("failed")
        if not isinstance(error, (CloudError, NoRoute)):
            self._add("refused")

    def held(self) -> None:
        self._add("held")

    def held_by(self, budget: str) -> None:
        """A budget of the day holds its questions back; none does where it is empty."""
        self._set(held_by=budget)

    def answered(self, route: str, bytes_up: int, joules: float) -> None:
        """An answer came by a route, and took so much."""
        with self._lock:
            was = self._counts
            answers = MappingProxyType({**was.answered, route: was.answered.get(route, 0) + 1})
            bytes_up, joules = was.bytes_up + bytes_up, was.joules + joules
            self._counts = replace(was, answered=answers, bytes_up=bytes_up, joules=joules)

    @contextmanager
    def asking(self, *, again: bool = False) -> Iterator[None]:
        """Around a question that is asked; `again`: it is counted already."""
        begun = time.monotonic()
        if not again:
            self._add("asked")
        with self._lock:
            self._asking.append(begun)
        try:
            yield
        finally:
            with self._lock:
                self._asking.remove(begun)

    def waiting_seconds(self) -> float:
        """How long the oldest question waits for its answer; 0 where none does."""
        with self._lock:
            return time.monotonic() - min(self._asking) if self._asking else 0.0

    def _add(self, name: str, count: int = 1) -> None:
        with self._lock:
            self._counts = replace(self._counts, **{name: getattr(self._counts, name) + count})

    def _set(self, **changes: Any) -> None:
        with self._lock:
            self._counts = replace(self._counts, **changes)
