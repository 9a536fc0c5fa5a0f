"""Whose turn it is on the device: one request computes, decides or learns at a time, and lets its turn go
while the cloud is awaited.

Among those that wait, who comes back from the cloud, or was cancelled, is before all: it has only to finish.
Then interactive requests are before standing ones, and what nobody waits for is last; then the earliest
deadline is first, then who came first.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from itertools import count
from threading import Event, Lock
from time import monotonic

from edge.requests.cancellation import Cancellation


class Priority(IntEnum):
    """Who is before whom."""

    INTERACTIVE = 0  # somebody waits for the answer
    STANDING = 1  # a question that is asked again and again, of a camera's frames
    BACKGROUND = 2  # nobody waits for it


@dataclass(frozen=True, order=True)
class Urgency:
    """The least is the most urgent. `deadline` is an instant, in seconds of the orchestrator's clock."""

    priority: Priority = Priority.INTERACTIVE
    deadline: float = math.inf
    number: int = 0  # in the order in which they came


class Turn:
    """The one turn of a device."""

    def __init__(self) -> None:
        self._lock, self._numbers = Lock(), count()
        self._taken = False
        self._waiting: list[Wait] = []

    def urgency(self, priority: Priority, deadline: float = math.inf) -> Urgency:
        """Of a request that has just come."""
        return Urgency(priority, deadline, next(self._numbers))

    @property
    def waiting(self) -> int:
        """How many wait for it."""
        return len(self._waiting)

    def take(self, wait: "Wait") -> None:
        """Return when `wait` has the turn, or was given up."""
        with self._lock:
            if wait.given_up:
                return
            if not self._taken:
                self._taken = wait.has_turn = True
                return
            self._waiting.append(wait)
        wait.over.wait()

    def give_up(self, wait: "Wait") -> None:
        """Wait no longer; a turn that it has already stays its."""
        with self._lock:
            wait.given_up = True
            if wait in self._waiting:
                self._waiting.remove(wait)
                wait.over.set()

    def release(self) -> None:
        """The next one's turn."""
        with self._lock:
            self._taken = bool(self._waiting)
            if self._taken:
                following = min(self._waiting, key=lambda wait: wait.rank)
                self._waiting.remove(following)
                following.has_turn = True
                following.over.set()

    def outranked(self, urgency: Urgency) -> bool:
        """Whether somebody more urgent waits."""
        with self._lock:
            return any(wait.rank < (True, urgency) for wait in self._waiting)


class Wait:
    """A wait for the turn and the turn itself. It may be given up from any thread, before it begins too."""

    def __init__(self, turn: Turn, urgency: Urgency, cancellation: Cancellation) -> None:
        self._turn, self._urgency, self._cancellation = turn, urgency, cancellation
        self.over, self.has_turn, self.given_up = Event(), False, False
        self.waited_ms = 0.0
        self._returns = False

    def another(self) -> "Wait":
        """Of the same request."""
        return Wait(self._turn, self._urgency, self._cancellation)

    @property
    def rank(self) -> tuple[bool, Urgency]:
        """The least is next."""
        return not (self._returns or self._cancellation.cancelled), self._urgency

    def take(self) -> bool:
        """Whether the turn has come, and the wait was not given up before."""
        begun = monotonic()
        try:
            self._turn.take(self)
        except BaseException:  # as Ctrl-C: the turn must not come to nobody
            self.give_up()
            if self.has_turn:
                self.release()
            raise
        if self.over.is_set():
            self.waited_ms += (monotonic() - begun) * 1000
        return self.has_turn

    def release(self) -> None:
        """It is others' turn; `take` asks for it again."""
        self.has_turn = False
        self.over.clear()
        self._turn.release()

    def give_up(self) -> None:
        """Wait no longer. A turn that has come stays."""
        self._turn.give_up(self)

    def give_way(self) -> bool:
        """Let somebody more urgent go first, if there is one; whether the turn is had after that. Raises
        Cancelled.
        """
        if self._turn.outranked(self._urgency):
            self.release()
            self.take()
        self._cancellation.check()
        return self.has_turn

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Within, it is this request's turn; False where the wait was given up before. Raises Cancelled."""
        self.take()
        try:
            self._cancellation.check()
            yield self.has_turn
        finally:
            if self.has_turn:
                self.release()

    @contextmanager
    def let_go(self) -> Iterator[None]:
        """Within `held`: it is others' turn for a while; then this one's, before any that has not begun."""
        self.release()
        try:
            yield
        finally:
            self._returns = True
            self.take()
            self._returns = False
