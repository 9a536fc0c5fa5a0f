"""One request on its way."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from edge.policy.decision import Decision
from edge.power.meter import Measurement
from edge.requests.answer import Unconfirmed
from edge.requests.cancellation import Cancellation
from edge.requests.device import LocalAnswer
from edge.requests.question import Question
from edge.requests.trace import AnswerText, Trace
from edge.requests.turn import Wait
from edge.requests.view import View
from edge.upload.frame_coder import EncodedFrame
from protos import inference_pb2 as pb


@dataclass(eq=False)
class RequestState:
    """Only the orchestrator writes to it."""

    question: Question
    view: View
    output: AnswerText
    turn: Wait
    cancellation: Cancellation
    energy: Measurement
    frame: str | None  # what the cloud calls the frame that it keeps of this picture
    alone: bool = True  # no other request was under way beside it
    trace: Trace = field(default_factory=Trace)
    encoded: EncodedFrame | None = None  # the features that were sent last
    key_frame: bool = False  # code no features against another frame's
    scores: Sequence[pb.Score] = ()
    filtered: bool = False  # the cloud's content filter ended the answer
    decision: Decision | None = None
    local: LocalAnswer | None = None  # the device's own answer
    escalated: bool = False  # it was not sure enough to be given
    failed: set[str] = field(default_factory=set)  # clouds that it was sent to in vain
    repeats: int | None = None  # the earlier frame whose answer this is
    unconfirmed: Unconfirmed | None = None
    hedge_ms: float = 0.0  # that the device worked while it awaited the cloud
