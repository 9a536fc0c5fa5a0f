"""When an event begins and when it ends: two state machines, pure. Times are seconds of a monotonic clock."""

import math
from typing import Protocol

import msgspec

from edge.agent.events.event import Phase
from edge.agent.events.rules.conditions import Condition, Observed, condition, plain
from edge.agent.settings.events import EventSettings


class RuleState(msgspec.Struct, frozen=True):
    """What a rule has to know after a restart. `quiet`: seconds until the next event may begin."""

    active: bool = False
    answer: str | None = None  # the last that was different, of a rule of changes
    quiet: float = 0.0


class EventRule(Protocol):
    """Answers in, in their order; beginnings and ends out."""

    @property
    def active(self) -> bool: ...

    def observe(self, observed: Observed, at: float) -> Phase | None:
        """What this answer makes of the event. A clock that steps back stands still."""

    def state(self, at: float) -> RuleState:
        """What `restore` needs to go on as if nothing had been."""

    def restore(self, state: RuleState, at: float) -> None:
        """Go on from a state that another process left."""


def event_rule(settings: EventSettings) -> EventRule:
    """The machine of a rule. Raises RequestError for an expression that is none."""
    hold, cooldown = settings.hold.seconds, settings.cooldown.seconds
    return (
        ChangeRule(hold, cooldown) if settings.changed else HoldingRule(condition(settings), hold, cooldown)
    )


class _Clock:
    """The latest instant that was named, and when it is quiet no more."""

    def __init__(self, cooldown: float) -> None:
        self._cooldown, self._latest, self._quiet_until = cooldown, -math.inf, -math.inf

    def read(self, at: float) -> float:
        self._latest = max(at, self._latest)
        return self._latest

    def rest(self) -> None:
        self._quiet_until = self._latest + self._cooldown

    @property
    def resting(self) -> bool:
        return self._latest < self._quiet_until

    def left(self, at: float) -> float:
        return max(0.0, min(self._cooldown, self._quiet_until - self.read(at)))

    def resume(self, left: float, at: float) -> None:
        self._quiet_until = self.read(at) + min(left, self._cooldown)


class HoldingRule:
    """Begins once its condition has held for `hold` and the last has been over for `cooldown`; ends as soon
    as the condition does not hold.
    """

    def __init__(self, holds: Condition, hold: float, cooldown: float) -> None:
        self._holds, self._hold, self._clock = holds, hold, _Clock(cooldown)
        self._since: float | None = None
        self.active = False

    def observe(self, observed: Observed, at: float) -> Phase | None:
        now = self._clock.read(at)
        if not self._holds(observed):
            return self._over()
        if self.active:
            return None
        self._since = now if self._since is None else self._since
        if now - self._since < self._hold or self._clock.resting:
            return None
        self.active = True
        return "begin"

    def _over(self) -> Phase | None:
        self._since = None
        if not self.active:
            return None
        self.active = False
        self._clock.rest()
        return "end"

    def state(self, at: float) -> RuleState:
        return RuleState(active=self.active, quiet=self._clock.left(at))

    def restore(self, state: RuleState, at: float) -> None:
        self.active, self._since = state.active, None
        self._clock.resume(state.quiet, at)


class ChangeRule:
    """Changed once another answer than the last has stood for `hold`, at most once in `cooldown`. The first
    answer is none.
    """

    active = False

    def __init__(self, hold: float, cooldown: float) -> None:
        self._hold, self._clock = hold, _Clock(cooldown)
        self._answer: str | None = None
        self._other, self._since = "", 0.0

    def observe(self, observed: Observed, at: float) -> Phase | None:
        now, answer = self._clock.read(at), plain(observed.text)
        if self._answer is None:
            self._answer = self._other = answer
        if answer != self._other:
            self._other, self._since = answer, now
        if answer == self._answer or now - self._since < self._hold or self._clock.resting:
            return None
        self._answer = answer
        self._clock.rest()
        return "changed"

    def state(self, at: float) -> RuleState:
        return RuleState(answer=self._answer, quiet=self._clock.left(at))

    def restore(self, state: RuleState, at: float) -> None:
        self._answer, self._other = state.answer, state.answer or ""
        self._clock.resume(state.quiet, at)
