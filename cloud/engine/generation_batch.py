"""Answers to questions, generated side by side."""

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import count

from cloud.engine.faults import ModelFault, not_finite
from cloud.engine.job import GenerationJob, Job, milliseconds_since
from cloud.models.interfaces import GenerativeModel
from cloud.runner.executor import Executor
from cloud.runner.sequences import (
    AT_FAULT,
    NOT_FINITE,
    Prefilled,
    Prompt,
    Sequences,
    SliceRead,
    decode,
    merge,
    prefill,
    read,
    split,
)
from protos import inference_pb2 as ip
from protos.pictures.frames import frame_id
from protos.text.detokenizer import IncrementalDetokenizer
from splitter.families import Prefix

_log = logging.getLogger(__name__)
_keys = count()


@dataclass
class Answer:
    """The text generated so far for one job."""

    job: GenerationJob
    text_interval: float = 0.0  # seconds from one piece of text to the next
    token: int = NOT_FINITE  # the last one, or why there is none
    prefilled: float = 0.0  # the instant of the first token
    text_due: float = 0.0  # the instant from which the next piece may be emitted
    key: int = field(default_factory=_keys.__next__)  # of its sequence
    detokenizer: IncrementalDetokenizer = field(init=False)

    def __post_init__(self) -> None:
        self.detokenizer = IncrementalDetokenizer(self.job.tail.detokenize)

    @property
    def prompt(self) -> Prompt:
        """What its sequence begins with."""
        job = self.job
        return Prompt(self.key, job.prompt, job.sampler, job.image_tokens, job.prefix)

    def postprocess(self, now: float) -> None:
        """Emit the text so far, unless some was emitted a moment ago, and Done after the last token."""
        if self.job.aborted:
            return
        if self.token < 0:
            self.job.fail(ModelFault("model code raised") if self.token == AT_FAULT else not_finite())
            return
        stopped = self.token in self.job.tail.stop_tokens
        if not stopped:
            self.detokenizer.append(self.token)
            self.job.answer_tokens = self.detokenizer.tokens
        if stopped or self.detokenizer.tokens >= self.job.max_tokens:
            self._finish(ip.Done.STOP if stopped else ip.Done.LENGTH)
        elif now >= self.text_due and self._emit_text(self.detokenizer.piece()):
            self.text_due = now + self.text_interval

    def _finish(self, reason: ip.Done.Reason) -> None:
        self._emit_text(self.detokenizer.end())
        stages = self.job.stages
        stages.generate = milliseconds_since(self.prefilled)
        stages.total = milliseconds_since(self.job.arrived)
        self.job.emit(
            ip.Done(
                reason=reason,
                tokens=self.detokenizer.tokens,
                stages=stages,
                frame=frame_id(self.job.frame),
            )
        )

    def _emit_text(self, piece: str) -> bool:
        """Whether there is any."""
        if piece:
            self.job.emit(piece)
        return bool(piece)


class GenerationBatch:
    """Answers of one bundle, each with a sequence where the model runs. Belongs to the event loop."""

    def __init__(self, executor: Executor, jobs: Sequence[GenerationJob], text_interval: float = 0.0) -> None:
        """Answers that are yet to be begun, by jobs whose pictures are encoded. The text of each is emitted
        with its first token, and then once in so many seconds: every message of a stream costs service and
        device more than a token of a small model.
        """
        self._executor = executor
        self.answers = [Answer(job, text_interval) for job in jobs]
        self._sequences: Sequences | None = None

    @property
    def jobs(self) -> Sequence[GenerationJob]:
        return [answer.job for answer in self.answers]

    async def read(self, tokens: int) -> None:
        """Read a slice of the prompt of a single job. Where it raises, what was read is lost."""
        begun, self._sequences = self._sequences, None
        done = SliceRead(*await self._executor.run(read, self._tail, self._prompts, begun, tokens))
        self._sequences = done.sequences
        self._read_within(done.seconds)

    async def prefill(self, shared: Collection[GenerationJob] = ()) -> list[tuple[GenerationJob, Prefix]]:
        """Read the prompts with their image tokens, up to each job's first token. Copies of the prefixes of
        `shared` jobs, as far as they have some that another question can go on from.
        """
        begun, self._sequences = self._sequences, None
        keys = [answer.key for answer in self.answers if answer.job in shared]
        done = Prefilled(*await self._executor.run(prefill, self._tail, self._prompts, begun, keys))
        self._sequences = done.sequences
        self._read_within(done.seconds)
        self._take(done.tokens)
        now = time.monotonic()
        for answer in self.answers:
            answer.prefilled, answer.job.image_tokens = now, None
        found = zip(self.answers, done.prefixes, strict=True)
        return [(answer.job, prefix) for answer, prefix in found if prefix and answer.token != NOT_FINITE]

    def leave(self, jobs: Collection[Job]) -> None:
        """Remove the answers of these jobs; the next step drops their sequences."""
        self.answers = [answer for answer in self.answers if answer.job not in jobs]
        if not self.answers:
            self._sequences = None  # frees the key-value cache

    async def merge(self, other: "GenerationBatch") -> None:
        """Take another batch's answers in, with their sequences."""
        await self._executor.run(merge, self.begun, self.keys, other.begun, other.keys)
        self.answers += other.answers

    async def split(self, jobs: Collection[Job]) -> "GenerationBatch":
        """Take the answers of some of the jobs out, into a batch of their own; this one's next step drops
        their sequences.
        """
        other = GenerationBatch(self._executor, ())
        other.answers = [answer for answer in self.answers if answer.job in jobs]
        other._sequences = await self._executor.run(split, self.begun, other.keys)
        self.leave(jobs)
        return other

    async def decode(self) -> None:
        """Another token for every answer. Where it raises, the answers are as they were."""
        self._take(await self._executor.run(decode, self.begun, self.keys))

    def postprocess(self) -> None:
        """Emit what the last tokens add to the answers."""
        now = time.monotonic()
        for answer in self.answers:
            try:
                answer.postprocess(now)
            except Exception:  # noqa: BLE001 - a tokenizer may raise anything
                _log.exception("the text of an answer failed; the others go on")
                answer.job.fail(ModelFault("model code raised"))

    @property
    def _tail(self) -> GenerativeModel:
        return self.answers[0].job.tail

    @property
    def _prompts(self) -> Sequence[Prompt]:
        return [answer.prompt for answer in self.answers]

    @property
    def keys(self) -> Sequence[int]:
        """Of its sequences."""
        return [answer.key for answer in self.answers]

    @property
    def begun(self) -> Sequences:
        """Raises RuntimeError where nothing was read, or was lost."""
        if self._sequences is None:
            raise RuntimeError("decode before prefill, or after a fault")
        return self._sequences

    def _take(self, tokens: Sequence[int]) -> None:
        for answer, token in zip(self.answers, tokens, strict=True):
            answer.token = token

    def _read_within(self, seconds: float) -> None:
        for job in self.jobs:
            job.stages.first_token += 1000 * seconds
