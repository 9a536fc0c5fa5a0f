"""What is so now: which events are on, and the last answers. Sinks that show states follow it."""

from datetime import datetime
from typing import Literal, NamedTuple

import anyio
import msgspec


class StateKey(NamedTuple):
    """Which state: an event's, or a question's last answer."""

    what: Literal["event", "answer"]
    source: str
    name: str


class ShownState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`state` is `on` or `off`, or the answer; `since`: when it became so."""

    state: str
    since: datetime | None = None


class Current:
    """Holds one state for each event and question: whoever is behind misses states, not the last."""

    def __init__(self) -> None:
        self.states: dict[StateKey, ShownState] = {}
        self._changed = anyio.Event()

    def show(self, key: StateKey, state: str, since: datetime | None) -> None:
        """Say what is so now, and since when, if it was not so before."""
        known = self.states.get(key)
        if known and known.state == state:
            return
        self.states[key] = ShownState(state, since)
        self._changed.set()
        self._changed = anyio.Event()

    async def changed(self) -> None:
        """Returns once something is so that was not when it was called."""
        await self._changed.wait()
