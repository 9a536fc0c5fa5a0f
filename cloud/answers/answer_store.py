"""Where answers are kept for whoever asks the same again. They are personal data."""

import hashlib
import io
import json
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from google.protobuf.message import DecodeError
from google.protobuf.proto import parse_length_prefixed, serialize_length_prefixed

from cloud.engine.encoder_cache import frame_key
from cloud.engine.job import EmbeddingJob, GenerationJob, Job
from cloud.engine.ttl_cache import TtlCache
from cloud.telemetry.metrics import CacheCounts
from cloud.version import version
from protos import inference_pb2 as ip


class AnswerKey(NamedTuple):
    """Whose answer it is, and a hash of all that it depends on, whose it is included."""

    owner: str
    name: str


def answer_key(job: Job) -> AnswerKey | None:
    """What the same question about the same frame has in common; None for a job that is nobody's, or whose
    answer is drawn.
    """
    if isinstance(job, GenerationJob) and job.sampler is None:
        asked: list[object] = [job.prompt, job.max_tokens]
    elif isinstance(job, EmbeddingJob) and job.labels:
        asked = [job.labels]
    else:
        return None
    if not job.owner:
        return None
    computed = [version(), job.tail.numerics]  # services that differ in these may share a store
    parts = [job.owner, frame_key(job.tail.digest, job.frame), *computed, *asked]
    return AnswerKey(job.owner, hashlib.sha256(json.dumps(parts).encode()).hexdigest())


class KeptAnswer(NamedTuple):
    """An answer that was given: its text and its end."""

    text: str
    done: ip.Done

    def to_bytes(self) -> bytes:
        """The replies of the wire, each behind its length."""
        stream = io.BytesIO()
        for reply in (ip.InferReply(text=self.text), ip.InferReply(done=self.done)):
            serialize_length_prefixed(reply, stream)
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "KeptAnswer | None":
        """None for bytes that are no answer."""
        stream = io.BytesIO(data)
        try:
            text, end = (parse_length_prefixed(ip.InferReply, stream) for _ in range(2))
        except (DecodeError, ValueError, EOFError):
            return None
        return cls(text.text, end.done) if text and end and end.HasField("done") else None


class AnswerStore(Protocol):
    """Keeps answers for a time."""

    @property
    def counts(self) -> CacheCounts:
        """What it was asked for and holds."""

    async def get(self, key: AnswerKey) -> KeptAnswer | None:
        """The answer, if it is kept."""

    def may_have(self, owner: str) -> bool:
        """Whether an answer of this owner may be kept."""

    async def put(self, key: AnswerKey, answer: KeptAnswer) -> None:
        """Keep an answer, where there is room."""

    def expire(self) -> None:
        """Free the memory of answers that are kept no more."""

    async def close(self) -> None:
        """Let go of connections."""


class AnswersInMemory:
    """In `max_bytes` of this process, for `seconds`; who holds most loses first."""

    def __init__(self, max_bytes: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts = self._kept = TtlCache[bytes](max_bytes, seconds, clock)

    async def get(self, key: AnswerKey) -> KeptAnswer | None:
        kept = self._kept.get(*key)
        return KeptAnswer.from_bytes(kept) if kept else None

    def may_have(self, owner: str) -> bool:
        return self._kept.holds(owner)

    async def put(self, key: AnswerKey, answer: KeptAnswer) -> None:
        data = answer.to_bytes()
        self._kept.put(*key, data, len(data))

    def expire(self) -> None:
        self._kept.expire()

    async def close(self) -> None:
        """It has none."""
