"""Answers being written side by side: the torch work on the worker thread, the settling of each token on the loop."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from cloud.job import Job, milliseconds_since
from cloud.prompts import Speech
from protos import inference_pb2 as ip
from protos.errors import PayloadError
from splitter.families import Rows


@dataclass
class Answer:
    """How far one job's answer has come."""

    job: Job
    speech: Speech
    token: int | None = None  # the last one; None where the model gave no number
    generating: float = 0.0  # since when

    def settle(self) -> bool:
        """Say what the last token adds; whether the answer goes on."""
        if self.job.gone:
            return False
        if self.token is None:
            self.job.fail(PayloadError("the model makes no number of these features; send the picture instead"))
            return False
        stopped = self.token in self.job.tail.stop_tokens
        self._say("" if stopped else self.speech.add(self.token))
        if stopped or self.speech.tokens >= self.job.most_tokens:
            self._finish(ip.Done.STOP if stopped else ip.Done.LENGTH)
            return False
        return True

    def _finish(self, reason: ip.Done.Reason) -> None:
        self._say(self.speech.end())
        stages = self.job.stages
        stages.generate, stages.total = milliseconds_since(self.generating), milliseconds_since(self.job.arrived)
        self.job.say(ip.Done(reason=reason, tokens=self.speech.tokens, stages=stages, frame=self.job.frame))

    def _say(self, piece: str) -> None:
        if piece:
            self.job.say(piece)


class Batch:
    """Jobs at the same bundle and cut. `see`, `prefill` and `advance` run on the worker thread, one at a time."""

    def __init__(self, jobs: list[Job]) -> None:
        self._answers = [Answer(job, Speech(job.tail.prompts)) for job in jobs]
        self._staying = list(range(len(jobs)))
        self._image_tokens = torch.empty(0)
        self._rows: Rows | None = None

    def __len__(self) -> int:
        return len(self._answers)

    @property
    def jobs(self) -> list[Job]:
        """Those whose answer is still being written."""
        return [answer.job for answer in self._answers]

    @torch.inference_mode()
    def see(self) -> None:
        """From the cut to the image tokens."""
        start = time.monotonic()
        first = self.jobs[0]
        self._image_tokens = first.tail.enter(first.cut, [job.boundary for job in self.jobs])
        _finish_device(self._image_tokens)
        taken = milliseconds_since(start)
        for job in self.jobs:
            job.stages.tail = taken

    def seen(self) -> Iterator[tuple[Job, Tensor]]:
        """Each job with the image tokens (tokens, width) of its frame."""
        yield from zip(self.jobs, self._image_tokens, strict=True)

    @torch.inference_mode()
    def prefill(self) -> None:
        """Read the prompts, up to the first token of every answer."""
        start = time.monotonic()
        self._rows = self.jobs[0].tail.rows([job.prompt for job in self.jobs], self._image_tokens)
        self._choose(self._rows.prefill())
        now = time.monotonic()
        for answer in self._answers:
            answer.job.stages.first_token, answer.generating = (now - start) * 1000, now

    @torch.inference_mode()
    def advance(self) -> None:
        """Another token for every answer that goes on."""
        if self._rows is None:
            raise RuntimeError("advance before prefill")
        self._rows.keep(self._staying)
        self._choose(self._rows.advance([answer.token or 0 for answer in self._answers]))

    def settle(self) -> bool:
        """Hand out what the last tokens say; drop the answers that are done or wanted no more; whether any go on."""
        self._staying = [row for row, answer in enumerate(self._answers) if answer.settle()]
        self._answers = [self._answers[row] for row in self._staying]
        return bool(self._answers)

    def _choose(self, logits: Tensor) -> None:
        """One token a row; NaN in a row, which FP16 makes of features out of all bounds, spoils that row only."""
        greedy, broken = logits.argmax(-1).tolist(), logits.isnan().any(-1).tolist()
        for row, answer in enumerate(self._answers):
            sampler = answer.job.sampler
            token = sampler.draw(logits[row]) if sampler and not broken[row] else greedy[row]
            answer.token = None if broken[row] else token


def _finish_device(tensor: Tensor) -> None:
    """A GPU works behind the caller's back: wait, so that the stage times are true."""
    if tensor.is_cuda:
        torch.cuda.synchronize(tensor.device)
