"""Jobs done side by side: the torch work on the worker thread, the settling of what there is to say on the
loop.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cloud.engine.job import Job, Question, milliseconds_since
from protos import inference_pb2 as ip
from protos.errors import PayloadError
from protos.pictures.tiles import spans
from protos.text.detokenizer import IncrementalDetokenizer
from splitter.families import DecoderBatch


@dataclass
class Answer:
    """How far one job's answer has come."""

    job: Question
    detokenizer: IncrementalDetokenizer
    token: int | None = None  # the last one; None where the model gave no number
    generating: float = 0.0  # since when

    def postprocess(self) -> bool:
        """Say what the last token adds; whether the answer goes on."""
        if self.job.aborted:
            return False
        if self.token is None:
            self.job.fail(
                PayloadError("the model makes no number of these features; send the picture instead")
            )
            return False
        stopped = self.token in self.job.tail.stop_tokens
        self._say("" if stopped else self.detokenizer.add(self.token))
        if stopped or self.detokenizer.tokens >= self.job.max_tokens:
            self._finish(ip.Done.STOP if stopped else ip.Done.LENGTH)
            return False
        return True

    def _finish(self, reason: ip.Done.Reason) -> None:
        self._say(self.detokenizer.end())
        stages = self.job.stages
        stages.generate, stages.total = (
            milliseconds_since(self.generating),
            milliseconds_since(self.job.arrived),
        )
        self.job.say(
            ip.Done(reason=reason, tokens=self.detokenizer.tokens, stages=stages, frame=self.job.frame)
        )

    def _say(self, piece: str) -> None:
        if piece:
            self.job.say(piece)


class Batch(ABC):
    """Jobs at the same bundle and cut. `encode_images`, `prefill` and `decode` run on the worker thread, one
    at a time.
    """

    _image_tokens: Tensor

    def __len__(self) -> int:
        return len(self.jobs)

    @property
    @abstractmethod
    def jobs(self) -> Sequence[Job]:
        """Those that are not done."""

    @torch.inference_mode()
    def encode_images(self) -> None:
        """From the cut to the image tokens."""
        start = time.monotonic()
        first = self.jobs[0]
        self._image_tokens = first.tail.enter(first.cut, [job.boundary for job in self.jobs])
        _finish_device(self._image_tokens)
        taken = milliseconds_since(start)
        for job in self.jobs:
            job.stages.tail = taken

    def image_embeds(self) -> Iterator[tuple[Job, Tensor]]:
        """Each job with the image tokens (tiles, tokens, width) of its frame."""
        for job, tiles in zip(self.jobs, spans(job.grid for job in self.jobs), strict=True):
            yield job, self._image_tokens[tiles]

    @abstractmethod
    def prefill(self) -> None:
        """What is read once: prompts, up to the first token of every answer, or texts."""

    @abstractmethod
    def decode(self) -> None:
        """Another token for every answer that goes on."""

    @abstractmethod
    def postprocess(self) -> bool:
        """Hand out what there is to say; drop the jobs that are done or wanted no more; whether any go on."""


class Answers(Batch):
    """Questions, their answers written side by side."""

    def __init__(self, jobs: Sequence[Question]) -> None:
        self._answers = [Answer(job, IncrementalDetokenizer(job.tail.decode)) for job in jobs]
        self._staying = list(range(len(jobs)))
        self._rows: DecoderBatch | None = None

    @property
    def jobs(self) -> Sequence[Question]:
        return [answer.job for answer in self._answers]

    @torch.inference_mode()
    def prefill(self) -> None:
        start = time.monotonic()
        self._rows = self.jobs[0].tail.rows([job.prompt for job in self.jobs], self._image_tokens)
        self._choose(self._rows.prefill())
        now = time.monotonic()
        for answer in self._answers:
            answer.job.stages.first_token, answer.generating = (now - start) * 1000, now

    @torch.inference_mode()
    def decode(self) -> None:
        if self._rows is None:
            raise RuntimeError("decode before prefill")
        self._rows.keep(self._staying)
        self._choose(self._rows.decode([answer.token or 0 for answer in self._answers]))

    def postprocess(self) -> bool:
        self._staying = [row for row, answer in enumerate(self._answers) if answer.postprocess()]
        self._answers = [self._answers[row] for row in self._staying]
        return bool(self._answers)

    def _choose(self, logits: Tensor) -> None:
        """One token a row; NaN in a row, which FP16 makes of features out of all bounds, spoils that row
        only.
        """
        greedy, broken = logits.argmax(-1).tolist(), logits.isnan().any(-1).tolist()
        for row, answer in enumerate(self._answers):
            sampler = answer.job.sampler
            token = sampler.draw(logits[row]) if sampler and not broken[row] else greedy[row]
            answer.token = None if broken[row] else token


def _finish_device(tensor: Tensor) -> None:
    """A GPU works behind the caller's back: wait, so that the stage times are true."""
    if tensor.is_cuda:
        torch.cuda.synchronize(tensor.device)
