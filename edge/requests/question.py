"""One question as it was asked, and a picture as the model sees it. Neither changes on the way."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge.link.standing import Standing
from edge.pictures.resampling import Picture
from protos import inference_pb2 as pb
from protos.arms.rules import Rules
from protos.codec import Floats
from protos.costs.weights import Weights
from protos.pictures.tiles import Grid


@dataclass(frozen=True)
class Question:
    """Instants are of the orchestrator's clock, in seconds; the deadline counts from `arrived`."""

    id: str
    arrived: float
    text: str
    rules: Rules
    weights: Weights
    generation: pb.Generation
    labels: Sequence[str] = ()  # of a dual encoder; none: the bundle's own
    label_embeddings: Mapping[str, Floats] = field(default_factory=dict)  # (width) by label, of a label file
    standing: Standing | None = None  # where it is asked of one frame after another

    @property
    def bytes(self) -> int:
        """Of the text and the labels."""
        return len(self.text.encode()) + sum(len(label.encode()) for label in self.labels)

    @property
    def due(self) -> float:
        """The instant of its deadline; infinite where it has none."""
        limit = self.rules.deadline_ms
        return math.inf if limit is None else self.arrived + limit / 1000

    def spent_ms(self, now: float) -> float:
        return (now - self.arrived) * 1000


@dataclass(frozen=True)
class Prepared:
    """The picture at the size that the model sees, the tiles that it becomes, and what resizing it took."""

    picture: Picture
    grid: Grid
    milliseconds: float
    original: Picture  # as it came: RGB (h, w, 3)
