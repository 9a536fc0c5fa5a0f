"""Answers as OpenAI's objects, with what was decided and why in the field `isthmus`."""

from dataclasses import dataclass, field
from typing import Any

from edge.policy.explain import sentence, verdicts
from edge.requests.answer import Answer
from protos import inference_pb2 as pb
from protos.http.openai.completion import FINISH_REASONS, CompletionHead, Told, usage


@dataclass(frozen=True)
class AnswerHead(CompletionHead):
    """What a completion and all its chunks have in common. `max_tokens`: that the answer may have."""

    max_tokens: int = field(kw_only=True)

    def answered(self, answer: Answer) -> Told:
        """The whole answer."""
        told = {"usage": usage(answer.tokens), "isthmus": decided(answer)}
        return self.whole(answer.text, self.finish_reason(answer), **told)

    def used(self, answer: Answer) -> Told:
        """The chunk that tells the tokens."""
        return self.usage_chunk(usage(answer.tokens), isthmus=decided(answer))

    def finish_reason(self, answer: Answer) -> str:
        """`length` where the answer has as many tokens as it may have, `content_filter` where the cloud's
        ended it.
        """
        if answer.filtered:
            return FINISH_REASONS[pb.Done.CONTENT_FILTER]
        return "length" if answer.tokens >= self.max_tokens else "stop"


def decided(answer: Answer) -> dict[str, Any]:
    """What was decided, why, and what it took: as `isthmus ask --json` says it."""
    return {
        "route": answer.route,
        "why": sentence(answer.decision),
        "fallback": answer.fallback,
        "late": answer.late,
        "bytes_up": answer.bytes_up,
        "payload_bytes": answer.payload_bytes,
        "stages": {name: round(ms, 3) for name, ms in answer.stages.items()},
        "joules": round(answer.joules, 4),
        "energy_source": answer.energy_source,
        "confidence": answer.confidence,
        "escalated": answer.escalated,
        "label_scores": [
            {"label": one.label, "probability": one.probability, "similarity": one.similarity}
            for one in answer.label_scores
        ],
        "arms": verdicts(answer.decision),
        "trace_id": answer.trace_id,
    }
