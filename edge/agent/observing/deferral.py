"""Questions that may be answered later, where they cannot be answered now."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge.pictures.resampling import Picture
from protos import inference_pb2 as pb
from protos.arms.rules import Rules
from protos.costs.weights import Weights
from protos.errors import IsthmusError


@dataclass(frozen=True)
class Subject:
    """The frame and the standing question that an answer is about; nothing of both for an application's
    question, which fetches its answer.
    """

    source: str = ""
    sequence: int = 0
    taken: float = 0.0  # seconds since 1970
    question: str = ""


@dataclass(frozen=True)
class Asked:
    """A question as it was asked. `defer_ms`: how long it may wait for its answer."""

    picture: Picture
    text: str
    rules: Rules
    weights: Weights
    defer_ms: float
    generation: pb.Generation = field(default_factory=pb.Generation)
    labels: Sequence[str] = ()
    subject: Subject = Subject()


class Deferring(Protocol):
    """The seam: who keeps questions until there is a link."""

    async def defer(self, asked: Asked, error: IsthmusError) -> str:
        """Keep a question that failed with this error. Its id, once it is sure that it will not be lost.

        Raises the error itself where waiting does not help against it, or nothing more is kept.
        """
