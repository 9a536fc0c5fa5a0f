"""How much each caller was served, so that the next turn is of the one who was served least.

Virtual counters with lift: "Fairness in Serving Large Language Models", Sheng et al., OSDI 2024. Here cost is
seconds of work, measured and charged when it is done, at two levels: addresses share the service, and
connections what their address gets. Between callers who have work all the time, what they were served differs
by one piece of work at most.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from cloud.sharing.caller import Caller

CREDIT = 0.5  # seconds of its share that a caller who was away may catch up on
_MAX_KNOWN = 256  # addresses, and connections of each, that are remembered beside those that have work

Rank = tuple[float, str, float]  # orders callers: who was served less comes first


class Shares:
    """Counters of what callers were served. Pure: no clock, and no work of its own."""

    def __init__(self) -> None:
        self._addresses = _Counters()
        self._connections: dict[str, _Counters] = {}

    @contextmanager
    def active(self, caller: Caller) -> Iterator[None]:
        """Around everything between a request's arrival and its end."""
        connections = self._connections.setdefault(caller.address, _Counters())
        self._addresses.enter(caller.address)
        connections.enter(caller.connection)
        try:
            yield
        finally:
            connections.leave(caller.connection)
            self._addresses.leave(caller.address)
            if len(self._connections) > 2 * _MAX_KNOWN:
                known = self._addresses.served
                self._connections = {name: own for name, own in self._connections.items() if name in known}

    def charge(self, caller: Caller, seconds: float) -> None:
        """Count work that was done for a caller."""
        self._addresses.charge(caller.address, seconds)
        if connections := self._connections.get(caller.address):
            connections.charge(caller.connection, seconds)

    def rank(self, caller: Caller) -> Rank:
        """The order in which callers have their turn."""
        return self._addresses.of(caller.address), caller.address, self._of_connection(caller)

    def lead(self, caller: Caller, other: Caller) -> float:
        """Seconds by which another was served more."""
        if caller.address != other.address:
            return self._addresses.of(other.address) - self._addresses.of(caller.address)
        return self._of_connection(other) - self._of_connection(caller)

    def _of_connection(self, caller: Caller) -> float:
        connections = self._connections.get(caller.address)
        return connections.of(caller.connection) if connections else 0.0


class _Counters:
    """Seconds that each name was served, those who have work and some who had."""

    def __init__(self) -> None:
        self.served: dict[str, float] = {}
        self._active: Counter[str] = Counter()
        self._floor = 0.0  # what who has work was served at least; never falls

    def enter(self, name: str) -> None:
        """Lift whoever comes to what others were served: nobody saves up for a flood. Who is known may catch
        up on a little.
        """
        if not self._active[name]:
            floor = self._raised_floor()
            self.served[name] = max(self.served.get(name, floor), floor - CREDIT)
        self._active[name] += 1

    def leave(self, name: str) -> None:
        self._active -= Counter({name: 1})  # which forgets a name that has none
        if not self._active:
            self._floor = max(self._floor, self.served[name])
        if len(self.served) > len(self._active) + _MAX_KNOWN:
            self._forget()

    def charge(self, name: str, seconds: float) -> None:
        if name in self.served:
            self.served[name] += seconds

    def of(self, name: str) -> float:
        return self.served.get(name, self._floor)

    def _raised_floor(self) -> float:
        least = min((self.served[name] for name in self._active), default=self._floor)
        self._floor = max(self._floor, least)
        return self._floor

    def _forget(self) -> None:
        """Half of those who have no work, who were served least: they are owed no more than a credit."""
        away = sorted((served, name) for name, served in self.served.items() if name not in self._active)
        for _, name in away[: _MAX_KNOWN // 2]:
            del self.served[name]
