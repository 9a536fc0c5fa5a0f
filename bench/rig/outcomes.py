"""A question that every strategy is asked, and its outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field

AUTO, REMOTE, FALLBACK = "auto", "auto-remote", "split-or-local"
CASCADE = "cascade@"
_CLOUD_STAGES = ("decode", "queue", "tail", "first_token", "generate")


@dataclass(frozen=True)
class VisualQuestion:
    """A picture, a question about it, and the one right answer. `jpeg_bytes` is the size of the whole request
    message that uploads it.
    """

    name: str
    png: bytes
    kind: str
    question: str
    expected: str
    jpeg_bytes: int


@dataclass(frozen=True)
class Outcome:
    """One strategy's answer to one question, or its failure. `stages` and `milliseconds` are by the device's
    own clock. `verdicts`: of a decision that was free, why each arm was chosen or lost, the best first.
    """

    asked: VisualQuestion
    strategy: str
    answer: str = ""
    failure: str = ""
    route: str = ""
    note: str = ""
    bytes_up: int = 0
    milliseconds: float = 0.0
    stages: Mapping[str, float] = field(default_factory=dict)
    after_kill: bool = False
    verdicts: Mapping[str, str] = field(default_factory=dict)
    decided: str = ""  # the arm
    sure: float | None = None  # the probability that the device's own answer is the whole model's
    escalated: bool = False  # the cloud was asked because that was not sure enough

    @property
    def way(self) -> str:
        """The arm that was decided where the device answers first, else the route."""
        return self.decided if self.decided.startswith(CASCADE) and not self.note else self.route

    @property
    def told(self) -> str:
        """How sure the device was where that counted; empty where it did not."""
        if not self.way.startswith(CASCADE) or self.sure is None:
            return ""
        return f"{self.sure:.0%} sure{', so the cloud' if self.escalated else ''}"

    @property
    def right(self) -> bool:
        return not self.failure and self.answer.strip() == self.asked.expected

    @property
    def network(self) -> float:
        return self.stages.get("network", 0.0) + self.stages.get("lost", 0.0)

    @property
    def cloud(self) -> float:
        """Milliseconds by the cloud's own clock, 0 where the device answered."""
        return (
            0.0
            if "network" not in self.stages
            else sum(self.stages.get(stage, 0.0) for stage in _CLOUD_STAGES)
        )

    @property
    def device(self) -> float:
        return max(self.milliseconds - self.network - self.cloud, 0.0)

    @property
    def verdict(self) -> str:
        return "failed" if self.failure else "right" if self.right else "wrong"
