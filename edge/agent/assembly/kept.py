"""What outlives a reload of the settings: counts, budgets, files that folders gave, pictures that wait."""

from dataclasses import dataclass, field

from edge.agent.budgets.day import DayBudgets
from edge.agent.sources.opening import Inboxes, Opening, Version
from edge.agent.status.agent_status import AgentStatus


@dataclass(frozen=True)
class KeptParts:
    """One for a process. `given`: by source."""

    status: AgentStatus = field(default_factory=AgentStatus)
    budgets: DayBudgets = field(default_factory=DayBudgets)
    inboxes: Inboxes = field(default_factory=Inboxes)
    given: dict[str, dict[str, Version]] = field(default_factory=dict)

    def opening(self, source: str) -> Opening:
        """For a source that is about to be opened."""
        return Opening(self.inboxes, given=self.given.setdefault(source, {}))
