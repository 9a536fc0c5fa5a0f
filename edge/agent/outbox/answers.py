"""Outcomes as answers to standing questions."""

import numpy as np

from edge.agent.observing.standing_answer import StandingAnswer
from edge.agent.outbox.entries import Note, Outcome
from edge.agent.sources.frame import Frame
from edge.policy.decision import CHOSEN, Decision, Predicted
from edge.requests.answer import Answer, LabelScore
from edge.requests.trace import STAGES
from protos import inference_pb2 as pb
from protos.arms import arm_kinds
from protos.arms.arm import Arm

_NO_PICTURE = np.empty((0, 0, 3), np.uint8)
_NOT_COUNTED = "not counted: deferred"


def standing_answer(outcome: Outcome) -> StandingAnswer:
    """The answer to the frame that was asked about. The frame's picture is no longer known: it is empty."""
    note, done = outcome.note, outcome.end
    subject = note.subject
    arm = _arm(note)
    answer = Answer(
        text=outcome.text,
        route=arm.name,
        decision=_decision(arm),
        payload_bytes=round(arm.mean_bytes),
        bytes_up=outcome.request_bytes,
        tokens=done.tokens,
        stages={name: getattr(done.stages, name) for name in STAGES if hasattr(done.stages, name)},
        fallback=None,
        late=note.rules.deadline_ms is not None,
        joules=0.0,
        energy_source=_NOT_COUNTED,
        frame="",
        filtered=done.reason == pb.Done.CONTENT_FILTER,
        label_scores=tuple(LabelScore(s.label, s.probability, s.similarity) for s in done.scores),
    )
    frame = Frame(subject.source, subject.sequence, subject.taken, _NO_PICTURE)
    return StandingAnswer(frame, subject.question, outcome.text, answer, deferred=outcome.id)


def _arm(note: Note) -> Arm:
    kind = next(kind for kind in arm_kinds() if kind.kind == note.arm_kind)
    return kind(**note.arm)


def _decision(arm: Arm) -> Decision:
    """Nothing was predicted: there was no other way."""
    chosen = Predicted(
        arm=arm,
        head=0.0,
        encode=0.0,
        network=0.0,
        queue=0.0,
        cloud=0.0,
        generate=0.0,
        total_ms=0.0,
        bytes_up=round(arm.mean_bytes),
        accuracy=arm.accuracy,
        score=0.0,
        verdict=CHOSEN,
    )
    return Decision(chosen, (chosen,))
