"""Answers to questions, generated side by side."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from cloud.engine.faults import not_finite
from cloud.engine.job import GenerationJob, Job, milliseconds_since
from cloud.engine.sampling import next_tokens
from protos import inference_pb2 as ip
from protos.pictures.frames import frame_id
from protos.text.detokenizer import IncrementalDetokenizer
from splitter.families import DecoderBatch, Prefix


@dataclass
class Answer:
    """The text generated so far for one job."""

    job: GenerationJob
    row: int  # in the decoder batch
    text_interval: float = 0.0  # seconds from one piece of text to the next
    token: int | None = None  # the last one; None where the logits hold NaN
    prefilled: float = 0.0  # the instant of the first token
    text_due: float = 0.0  # the instant from which the next piece may be emitted
    detokenizer: IncrementalDetokenizer = field(init=False)
    decoder_prompt: list[int] = field(init=False)  # what the decoder has read before the first token

    def __post_init__(self) -> None:
        self.detokenizer = IncrementalDetokenizer(self.job.tail.detokenize)
        self.decoder_prompt = self.job.tail.decoder_prompt(self.job.prompt)

    def allowed(self, logits: Tensor) -> Tensor:
        """The logits (vocabulary) of its next token by the bundle's rules."""
        process = self.job.tail.logits_processor.process
        return process(logits, self.decoder_prompt, self.detokenizer.ids)

    def postprocess(self, now: float) -> None:
        """Emit the text so far, unless some was emitted a moment ago, and Done after the last token."""
        if self.job.aborted:
            return
        if self.token is None:
            self.job.fail(not_finite())
            return
        stopped = self.token in self.job.tail.stop_tokens
        if not stopped:
            self.detokenizer.append(self.token)
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
    """Answers of one bundle, a row each.

    `prefill`, `merge` and `decode` belong to the worker thread, all else to the event loop; never both at
    once.
    """

    def __init__(self, jobs: Sequence[GenerationJob], text_interval: float = 0.0) -> None:
        """Answers that are yet to be begun, by jobs whose pictures are encoded. The text of each is emitted
        with its first token, and then once in so many seconds: every message of a stream costs service and
        device more than a token of a small model.
        """
        self.answers = [Answer(job, row, text_interval) for row, job in enumerate(jobs)]
        self._decoder: DecoderBatch | None = None

    @property
    def jobs(self) -> Sequence[GenerationJob]:
        return [answer.job for answer in self.answers]

    @torch.inference_mode()
    def prefill(self, shared: Collection[GenerationJob] = ()) -> list[tuple[GenerationJob, Prefix]]:
        """Read the prompts with their image tokens, up to each job's first token. Copies of the prefixes of
        `shared` jobs, as far as they have some that another question can go on from.
        """
        start = time.monotonic()
        self.jobs[0].tail.use_threads()
        self._decoder = _decoder_batch(self.jobs)
        self._sample(self._decoder.prefill())
        now = time.monotonic()
        for answer in self.answers:
            answer.job.stages.first_token, answer.prefilled = (now - start) * 1000, now
        sound = [answer for answer in self.answers if answer.job in shared and answer.token is not None]
        return [(answer.job, prefix) for answer in sound if (prefix := self._prefix(answer))]

    def _prefix(self, answer: Answer) -> Prefix | None:
        length = answer.job.tail.prefix_length(answer.job.prompt)
        return self._decoder.prefix(answer.row, length) if length and self._decoder else None

    def leave(self, jobs: Collection[Job]) -> None:
        """Remove the answers of these jobs; the next step drops their rows."""
        self.answers = [answer for answer in self.answers if answer.job not in jobs]
        if not self.answers:
            self._decoder = None  # frees the key-value cache

    @torch.inference_mode()
    def merge(self, other: "GenerationBatch") -> None:
        """Take another batch's answers in, with their rows."""
        self.trimmed().merge(other.trimmed())
        self.answers += other.answers
        self._number_rows()

    @torch.inference_mode()
    def decode(self) -> None:
        """Another token for every answer."""
        decoder = self.trimmed()
        self.jobs[0].tail.use_threads()
        self._sample(decoder.decode([answer.token or 0 for answer in self.answers]))

    def postprocess(self) -> None:
        """Emit what the last tokens add to the answers."""
        now = time.monotonic()
        for answer in self.answers:
            answer.postprocess(now)

    def trimmed(self) -> DecoderBatch:
        """The decoder, with the rows of these answers only."""
        if self._decoder is None:
            raise RuntimeError("decode before prefill")
        self._decoder.keep([answer.row for answer in self.answers])
        self._number_rows()
        return self._decoder

    def _number_rows(self) -> None:
        for row, answer in enumerate(self.answers):
            answer.row = row

    def _sample(self, logits: Tensor) -> None:
        """One token a row. NaN in a row, which FP16 makes of features out of all bounds, spoils that row
        only.
        """
        if any(answer.job.tail.logits_processor.active for answer in self.answers):
            rows = [answer.allowed(row) for answer, row in zip(self.answers, logits, strict=True)]
            logits = torch.stack(rows)
        spoilt = logits.amax(-1).isnan().tolist()
        tokens = next_tokens(logits, [answer.job.sampler for answer in self.answers])
        for answer in self.answers:
            answer.token = None if spoilt[answer.row] else tokens[answer.row]


def _decoder_batch(jobs: Sequence[GenerationJob]) -> DecoderBatch:
    """The prompts of jobs that all resume, or all do not."""
    tail, prompts = jobs[0].tail, [job.prompt for job in jobs]
    if prefixes := [job.prefix for job in jobs if job.prefix]:
        return tail.resumed_batch(prompts, prefixes)
    return tail.decoder_batch(prompts, torch.cat([job.give_image_tokens() for job in jobs]))
