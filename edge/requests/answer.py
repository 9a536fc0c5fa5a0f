"""What a device gives back for a question: the text, the route that it came by, and what that took."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from typing_extensions import Self

from edge.link.standing_stream import SentFrame
from edge.policy.decision import Decision
from protos import inference_pb2 as pb


@dataclass(frozen=True)
class LabelScore:
    """How well a label fits the picture: `similarity` is the cosine of the two embeddings."""

    label: str
    probability: float
    similarity: float


def label_scores(scores: Sequence[pb.Score]) -> Sequence[LabelScore]:
    """As an answer has them."""
    return tuple(LabelScore(one.label, one.probability, one.similarity) for one in scores)


@dataclass(frozen=True)
class Unconfirmed:
    """Why an answer is not sure yet: it is given again for a `frame` to which the cloud has not replied.
    `alike`: for another one, whose codes are those of that frame.
    """

    frame: SentFrame
    alike: bool = False


@dataclass(frozen=True)
class Answer:
    """One answer. Times are milliseconds by stage, only those that were passed through, in the order of
    STAGES.

    `turn` is what the device worked for other requests first; `local` is what its own answer took where the
    cloud was asked all the same. `decode`, `queue`, `tail`, `first_token` and `generate` are the cloud's own
    times, or the device's where it answered; `network` is the rest of the call; `lost` went into calls that
    failed.
    """

    text: str
    route: str  # the arm that gave the text
    decision: Decision
    payload_bytes: int  # coded features or picture
    bytes_up: int  # whole requests that left the device, failed ones included
    tokens: int
    stages: Mapping[str, float]
    fallback: str | None  # why the arm that was decided on did not answer
    late: bool  # the deadline had passed when the answer was complete
    joules: float  # its part of the device's, from question to answer
    energy_source: str  # what they are of, and whether they were measured
    frame: str  # ask again about the same frame with this; empty if the cloud keeps nothing of it
    label_scores: Sequence[LabelScore] = ()  # of a dual encoder: every label, the best first
    # the probability that the device's own answer is the whole model's; None where it gave none or knows none
    confidence: float | None = None
    escalated: bool = False  # the device answered first, and was not sure enough
    hedge_ms: float = 0.0  # that the device worked on an answer of its own while it awaited the cloud's
    filtered: bool = False  # the cloud's content filter ended it: the text is what came before
    # of a standing question: the number of the earlier frame whose answer this is, where that still holds
    repeats: int | None = None
    # of a standing question: what this hangs on, where the cloud has not said so far that it still holds
    unconfirmed: Unconfirmed | None = None
    trace_id: str = ""  # by which the logs and traces of a cloud name the request

    def confirmed(self) -> Self:
        """What the answer has come to, once its frame is settled. Raises why there is none: ask again."""
        if self.unconfirmed is None:
            return self
        frame = self.unconfirmed.frame
        said, done = frame.found()
        return replace(
            self,
            text=said.text,
            tokens=done.tokens,
            label_scores=label_scores(done.scores),
            repeats=said.about if self.unconfirmed.alike else frame.repeats,
            frame=done.frame.hex(),
            filtered=done.reason == pb.Done.CONTENT_FILTER,
            unconfirmed=None,
        )
