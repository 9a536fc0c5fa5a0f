"""Answers as OpenAI's objects, with what was decided and why in the field `isthmus`."""

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from edge.policy.explain import sentence, verdicts
from edge.requests.answer import Answer


@dataclass(frozen=True)
class CompletionHead:
    """What a completion and all its chunks have in common."""

    model: str
    max_tokens: int  # that the answer may have
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, answer: Answer) -> dict[str, Any]:
        """The whole answer."""
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": answer.text, "refusal": None},
            "logprobs": None,
            "finish_reason": self.finish_reason(answer),
        }
        told = {"usage": usage(answer), "isthmus": decided(answer)}
        return self._object("chat.completion", [choice], **told)

    def chunk(self, delta: dict[str, str], finish: str | None = None, **more: Any) -> dict[str, Any]:
        """A piece of the answer."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self._object("chat.completion.chunk", [choice], **more)

    def usage_chunk(self, answer: Answer) -> dict[str, Any]:
        """The last chunk, where it is asked for."""
        return self._object("chat.completion.chunk", [], usage=usage(answer), isthmus=decided(answer))

    def finish_reason(self, answer: Answer) -> str:
        """`length` where the answer has as many tokens as it may have."""
        return "length" if answer.tokens >= self.max_tokens else "stop"

    def _object(self, kind: str, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        named = {"id": self.id, "object": kind, "created": self.created, "model": self.model}
        return named | {"choices": choices} | more


def usage(answer: Answer) -> dict[str, int]:
    """Tokens; those of the prompt are counted by nobody, and stand as 0."""
    return {"prompt_tokens": 0, "completion_tokens": answer.tokens, "total_tokens": answer.tokens}


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
    }
