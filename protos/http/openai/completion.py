"""Answers as OpenAI's objects: whole, or in chunks that server-sent events carry."""

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from protos import inference_pb2 as ip

EVENT_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)
FINISH_REASONS = {ip.Done.LENGTH: "length", ip.Done.CONTENT_FILTER: "content_filter"}  # of others: "stop"
LAST_EVENT = b"data: [DONE]\n\n"

Told = dict[str, Any]  # an object of JSON


@dataclass(frozen=True)
class CompletionHead:
    """What a completion and all its chunks have in common."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, text: str, finish: str, **more: Any) -> Told:
        """A whole answer."""
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        return self._object("chat.completion", [choice], **more)

    def opening(self) -> Told:
        """The first chunk, which holds no text yet."""
        return self.chunk({"role": "assistant", "content": ""})

    def chunk(self, delta: dict[str, str], finish: str | None = None, **more: Any) -> Told:
        """A piece of an answer; the last one says why it is the last."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self._object("chat.completion.chunk", [choice], **more)

    def usage_chunk(self, usage: dict[str, int], **more: Any) -> Told:
        """What comes behind the last one, where it is asked for."""
        return self._object("chat.completion.chunk", [], usage=usage, **more)

    def _object(self, kind: str, choices: list[Told], **more: Any) -> Told:
        named = {"id": self.id, "object": kind, "created": self.created, "model": self.model}
        return named | {"choices": choices} | more


def usage(tokens: int) -> dict[str, int]:
    """Tokens of an answer; those of the prompt are counted by nobody, and stand as 0."""
    return {"prompt_tokens": 0, "completion_tokens": tokens, "total_tokens": tokens}


def event(told: Told) -> bytes:
    """An object as a server-sent event."""
    return f"data: {json.dumps(told, separators=(',', ':'))}\n\n".encode()
