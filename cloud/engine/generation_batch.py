"""Answers to questions, generated side by side."""

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from cloud.engine.faults import ModelFault, not_finite
from cloud.engine.job import GenerationJob, Job, milliseconds_since
from cloud.engine.sampling import next_tokens
from protos import inference_pb2 as ip
from protos.pictures.frames import frame_id
from protos.text.detokenizer import IncrementalDetokenizer
from splitter.families import DecoderBatch, Prefix

_log = logging.getLogger(__name__)


@dataclass
class Answer:
    """The text generated so far for one job."""

    job: GenerationJob
    row: int  # in the decoder batch
    text_interval: float = 0.0  # seconds from one piece of text to the next
    token: int | None = None  # the last one; None where the logits hold NaN
    at_fault: bool = False  # model code raised for this row
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

    def rewind(self) -> None:
        """Let the last random number be drawn once more."""
        if self.job.sampler:
            self.job.sampler.rewind(self.detokenizer.tokens)

    def postprocess(self, now: float) -> None:
        """Emit the text so far, unless some was emitted a moment ago, and Done after the last token."""
        if self.job.aborted:
            return
        if self.at_fault or self.token is None:
            self.job.fail(ModelFault("model code raised") if self.at_fault else not_finite())
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
    """Answers of one bundle, a row each.

    `read`, `prefill`, `merge`, `split` and `decode` belong to the worker thread, all else to the event loop;
    never both at once.
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
    def read(self, tokens: int) -> None:
        """Read a slice of the prompt of a single job."""
        with self._timed() as decoder:
            decoder.read(tokens)

    @torch.inference_mode()
    def prefill(self, shared: Collection[GenerationJob] = ()) -> list[tuple[GenerationJob, Prefix]]:
        """Read the prompts with their image tokens, up to each job's first token. Copies of the prefixes of
        `shared` jobs, as far as they have some that another question can go on from.
        """
        with self._timed() as decoder:
            logits = decoder.prefill()
            prefixes = [self._prefix(answer, decoder) for answer in self.answers if answer.job in shared]
            self._take(logits)
        for answer in self.answers:
            answer.prefilled, answer.job.image_tokens = time.monotonic(), None
        sound = {answer.job for answer in self.answers if answer.token is not None}
        return [(job, prefix) for job, prefix in prefixes if prefix and job in sound]

    @contextmanager
    def _timed(self) -> Iterator[DecoderBatch]:
        """Around what reads prompts. Where it raises, the decoder is used no more: what was read may be in
        some of its layers only.
        """
        self.jobs[0].tail.use_threads()
        start, decoder = time.monotonic(), self._decoder or _decoder_batch(self.jobs)
        self._decoder = None
        yield decoder
        self._decoder = decoder
        for job in self.jobs:
            job.stages.first_token += milliseconds_since(start)

    def _prefix(self, answer: Answer, decoder: DecoderBatch) -> tuple[GenerationJob, Prefix | None]:
        length = answer.job.tail.prefix_length(answer.job.prompt)
        return answer.job, decoder.prefix(answer.row, length) if length else None

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
    def split(self, jobs: Collection[Job]) -> "GenerationBatch":
        """Take the answers of some of the jobs out, into a batch of their own; this one's next step drops
        their rows.
        """
        decoder, other = self.trimmed(), GenerationBatch(())
        other.answers = [answer for answer in self.answers if answer.job in jobs]
        other._decoder = decoder.select([answer.row for answer in other.answers])
        other._number_rows()
        self.leave(jobs)
        return other

    @torch.inference_mode()
    def decode(self) -> None:
        """Another token for every answer. Where it raises, the answers are as they were."""
        decoder = self.trimmed()
        self.jobs[0].tail.use_threads()
        self._take(decoder.decode([answer.token or 0 for answer in self.answers]))

    def postprocess(self) -> None:
        """Emit what the last tokens add to the answers."""
        now = time.monotonic()
        for answer in self.answers:
            try:
                answer.postprocess(now)
            except Exception:  # noqa: BLE001 - a tokenizer may raise anything
                _log.exception("the text of an answer failed; the others go on")
                answer.job.fail(ModelFault("model code raised"))

    def trimmed(self) -> DecoderBatch:
        """The decoder, with the rows of these answers only. Where it raises, the decoder is used no more, as
        some of its layers have other rows than others.
        """
        decoder, self._decoder = self._decoder, None
        if decoder is None:
            raise RuntimeError("decode before prefill, or after a fault")
        decoder.keep([answer.row for answer in self.answers])
        self._decoder = decoder
        self._number_rows()
        return decoder

    def _number_rows(self) -> None:
        for row, answer in enumerate(self.answers):
            answer.row = row

    def _take(self, logits: Tensor) -> None:
        """A token a row. Where that raises, of each row alone, so that only the one at fault fails; none is
        decoded again, since the decoder has read the last tokens.
        """
        try:
            _sample(self.answers, logits)
        except Exception:  # noqa: BLE001 - a bundle's rules may raise anything; what does is logged below
            for answer, row in zip(self.answers, logits[:, None], strict=True):
                _sample_alone(answer, row)


def _sample_alone(answer: Answer, logits: Tensor) -> None:
    try:
        answer.rewind()
        _sample([answer], logits)
    except Exception:  # noqa: BLE001 - as above
        _log.exception("the choice of a token failed; the other answers go on")
        answer.at_fault = True


def _sample(answers: Sequence[Answer], logits: Tensor) -> None:
    """One token a row. NaN in a row, which FP16 makes of features out of all bounds, spoils that row only."""
    if any(answer.job.tail.logits_processor.active for answer in answers):
        logits = torch.stack([answer.allowed(row) for answer, row in zip(answers, logits, strict=True)])
    spoilt = logits.amax(-1).isnan().tolist()
    tokens = next_tokens(logits, [answer.job.sampler for answer in answers])
    for answer, token, nan in zip(answers, tokens, spoilt, strict=True):
        answer.token = None if nan else token


def _decoder_batch(jobs: Sequence[GenerationJob]) -> DecoderBatch:
    """The prompts of jobs that all resume, or all do not."""
    tail, prompts = jobs[0].tail, [job.prompt for job in jobs]
    if prefixes := [job.prefix for job in jobs if job.prefix]:
        return tail.resumed_batch(prompts, prefixes)
    return tail.decoder_batch(prompts, torch.cat([_image_tokens(job) for job in jobs]))


def _image_tokens(job: GenerationJob) -> Tensor:
    return torch.empty(0) if job.image_tokens is None else job.image_tokens
