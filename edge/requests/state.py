"""One request on its way through the orchestrator: its deadline, what has been made of it so far, and what
that took.
"""

import math
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from edge.models.head import HeadOutput
from edge.pictures.resampling import Picture
from edge.policy.policy import Decision, Rules, Weights
from edge.requests.answer import STAGES, Answer, LabelScore
from edge.upload.frame_coder import EncodedFrame
from protos import inference_pb2 as pb
from protos.matching import Floats


def ignore_text(_: str) -> None:
    """Tell nobody."""


@dataclass
class Task:
    """`arrived` is the instant, by `clock`, from which the deadline counts; `picture` is the model's size
    once looked at.
    """

    picture: Picture
    question: str
    rules: Rules
    weights: Weights
    generation: pb.Generation
    frame: str | None
    on_text: Callable[[str], None] = ignore_text
    on_restart: Callable[[str], None] = ignore_text
    clock: Callable[[], float] = time.monotonic
    labels: Sequence[str] = ()  # of a dual encoder; none: the bundle's own
    given: Mapping[str, Floats] = field(
        default_factory=dict
    )  # embeddings (width) by label, as a label file has them
    name: str = field(default_factory=lambda: secrets.token_hex(6))
    arrived: float = 0.0
    reached: HeadOutput | None = None  # the farthest boundary that the head has come to
    coded: EncodedFrame | None = None  # the features that were sent last
    whole: bool = False  # code no features against another frame's
    stages: dict[str, float] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)
    payload_bytes: int = 0
    bytes_up: int = 0
    scores: Sequence[pb.Score] = ()
    fallback: str | None = None

    def __post_init__(self) -> None:
        self.arrived = self.clock()

    def spent_ms(self) -> float:
        return (self.clock() - self.arrived) * 1000

    def left_ms(self) -> float | None:
        """Until the deadline; None without one."""
        return None if self.rules.deadline_ms is None else self.rules.deadline_ms - self.spent_ms()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of the block under a stage's name."""
        begun = self.clock()
        try:
            yield
        finally:
            self.took(name, (self.clock() - begun) * 1000)

    def took(self, name: str, milliseconds: float) -> None:
        """Count time under a stage's name; what a cloud reports may be no number."""
        self.stages[name] = self.stages.get(name, 0.0) + (
            milliseconds if math.isfinite(milliseconds) else 0.0
        )

    def tell(self, text: str) -> None:
        """The next piece of the answer."""
        self.text.append(text)
        self.on_text(text)

    def restart(self, reason: str) -> None:
        """The answer comes another way than decided; what was told of it so far is void."""
        self.fallback = reason
        if self.text:
            self.text.clear()
            self.on_restart(reason)

    def answered(self, decision: Decision, route: str, tokens: int, frame: str) -> Answer:
        """The answer is complete."""
        total = self.spent_ms()
        late = self.rules.deadline_ms is not None and total > self.rules.deadline_ms
        self.stages["total"] = total
        stages = {name: self.stages[name] for name in STAGES if name in self.stages}
        text = "".join(self.text)
        label_scores = tuple(
            LabelScore(score.label, score.probability, score.similarity) for score in self.scores
        )
        return Answer(
            text,
            route,
            decision,
            self.payload_bytes,
            self.bytes_up,
            tokens,
            stages,
            self.fallback,
            late,
            frame,
            label_scores,
        )
