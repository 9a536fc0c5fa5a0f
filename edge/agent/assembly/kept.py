"""What outlives a reload of the settings: the HTTP server, counts, budgets, files that folders gave, pictures
that wait.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING

from edge.agent.budgets.day import DayBudgets
from edge.agent.http.front import HttpFront
from edge.agent.sources.opening import Inboxes, Opening, Version
from edge.agent.status.agent_status import AgentStatus

if TYPE_CHECKING:
    from edge.agent.http.metrics import AnswerCounts


@dataclass(frozen=True)
class KeptParts:
    """One for a process. `given`, `numbers`: by source."""

    status: AgentStatus = field(default_factory=AgentStatus)
    budgets: DayBudgets = field(default_factory=DayBudgets)
    inboxes: Inboxes = field(default_factory=Inboxes)
    front: HttpFront = field(default_factory=HttpFront)
    given: dict[str, dict[str, Version]] = field(default_factory=dict)
    numbers: dict[str, Iterator[int]] = field(default_factory=dict)

    @cached_property
    def counts(self) -> "AnswerCounts":
        """From the first settings on that have something listen."""
        from edge.agent.http.metrics import AnswerCounts

        return AnswerCounts()

    def opening(self, source: str) -> Opening:
        """For a source that is about to be opened."""
        return Opening(
            self.inboxes,
            given=self.given.setdefault(source, {}),
            numbers=self.numbers.setdefault(source, count(1)),
        )
