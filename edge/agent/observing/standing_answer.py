"""What was seen: the answer to a standing question about a frame."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from edge.agent.sources.frame import Frame
from edge.requests.answer import Answer
from protos import inference_pb2 as pb
from protos.arms.rules import Rules


@dataclass(frozen=True)
class AskedTerms:
    """How a question was asked."""

    text: str
    rules: Rules
    generation: pb.Generation
    labels: Sequence[str] = ()


@dataclass(frozen=True)
class StandingAnswer:
    """`text` is the answer. `reused`: the sequence of the earlier frame whose answer it is, where this frame
    is like that one. Where the gate found so, nothing was `asked`, and `answer` is the earlier one's; where
    it was asked and is as before, `answer` has what that took. `late`: seconds since then, for which it was
    not sure.
    """

    frame: Frame
    question: str  # its name
    text: str
    answer: Answer
    reused: int | None = None
    asked: bool = True
    late: float = 0.0
    deferred: str = ""  # the id under which the question waited for a link; the frame then has no picture
    terms: AskedTerms | None = None  # of what was asked here and now


Observer = Callable[[StandingAnswer], Awaitable[None]]
