"""What the questions of each source have cost today, and whether its budget is spent."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.remembered import recall, remember

_DAY_SECONDS = 86400
_WHAT = "what each source sent and used today"


@dataclass(frozen=True)
class Budget:
    """Of a day of UTC; None: any."""

    bytes: int | None = None
    joules: float | None = None


@dataclass(frozen=True)
class Spent:
    """`bytes` left the device, `joules` it used."""

    bytes: int = 0
    joules: float = 0.0


class DayBudgets:
    """Of all sources, by name; for one thread. A day that has passed is forgotten."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall, self._day, self._spent = wall, 0, dict[str, Spent]()

    def spend(self, source: str, size: int, joules: float) -> None:
        """An answer has cost so much."""
        was = self.spent(source)
        self._spent[source] = Spent(was.bytes + size, was.joules + joules)

    def spent(self, source: str) -> Spent:
        """Today."""
        day = int(self._wall() // _DAY_SECONDS)
        if day != self._day:
            self._day, self._spent = day, {}
        return self._spent.get(source, Spent())

    def over(self, source: str, budget: Budget) -> str:
        """The name of the budget that is spent: "joules", "bytes", or nothing."""
        spent = self.spent(source)
        if budget.joules is not None and spent.joules >= budget.joules:
            return "joules"
        return "bytes" if budget.bytes is not None and spent.bytes >= budget.bytes else ""

    def save(self, path: Path | None) -> None:
        """For the next process."""
        sources = {name: [spent.bytes, spent.joules] for name, spent in self._spent.items()}
        remember(path, {"day": self._day, "sources": sources}, _WHAT, self._wall())

    def load(self, path: Path | None) -> None:
        """What the process before saved; a file that cannot be used is a warning."""
        recall(path, self._restore, _WHAT, self._wall())

    def _restore(self, state: dict[str, Any], _: float) -> None:
        self._day = int(state["day"])
        self._spent = {str(name): Spent(int(s), float(j)) for name, (s, j) in state["sources"].items()}
