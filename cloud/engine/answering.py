"""Prompts read and answers generated, as the scheduler decides: the part of the engine's steps behind the
pictures.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain

from cloud.engine.faults import ModelFault
from cloud.engine.generation_batch import GenerationBatch
from cloud.engine.job import GenerationJob, Job
from cloud.engine.prefix_cache import PrefixCache
from cloud.engine.recovery import Recovery
from cloud.engine.scheduling.pace import Pace
from cloud.engine.scheduling.scheduler import Schedule
from cloud.runner.executor import Executor


class Answering:
    """The batches of answers, and prompts that are read in part. Belongs to the event loop."""

    def __init__(
        self,
        executor: Executor,
        prefix_cache: PrefixCache,
        pace: Pace,
        recovery: Recovery,
        text_interval: float,
    ) -> None:
        """`text_interval`: seconds from one piece of an answer's text to the next."""
        self._text_interval = text_interval
        self._executor, self._recovery = executor, recovery
        self._prefix_cache, self._pace = prefix_cache, pace
        self._batches: list[GenerationBatch] = []
        self._slices: dict[Job, GenerationBatch] = {}  # of those whose prompts are read in part

    @property
    def batches(self) -> Sequence[Sequence[GenerationJob]]:
        """The jobs of each batch."""
        return [batch.jobs for batch in self._batches]

    @property
    def jobs(self) -> Sequence[GenerationJob]:
        """All whose answers have a row."""
        return list(chain.from_iterable(self.batches))

    def leave(self, jobs: Collection[Job]) -> None:
        """Let jobs go, with all that is kept of them."""
        for job in jobs:
            self._slices.pop(job, None)
        for batch in self._batches:
            batch.leave(jobs)
        self._batches = [batch for batch in self._batches if batch.jobs]

    async def prefill(self, schedule: Schedule[Job]) -> None:
        """Read prompts of one bundle side by side, or a slice of a long one."""
        jobs = [job for job in schedule.prefills if isinstance(job, GenerationJob)]
        if schedule.slice:
            read = partial(self._read_slice, schedule.slice)
            await self._recovery.run("slice", jobs, read, lambda _: schedule.slice)
        else:
            await self._recovery.run("prefill", jobs, self._begin, _padded_tokens)

    async def decode(self, numbers: Sequence[int]) -> None:
        """A token for the answers of batches of one bundle, which are one batch from now on; of as many as
        memory has room for.
        """
        batch, *others = [self._batches[number] for number in numbers]
        for other in others:
            await self._merge(batch, other)
        self._batches.remove(batch)
        self._batches.append(batch)  # those of one caller have turns
        await self._recovery.run("decode", batch.jobs[: self._recovery.limits.decode.now], self._decode)

    async def _read_slice(self, tokens: int, jobs: Sequence[GenerationJob]) -> None:
        (job,), began = jobs, time.monotonic()
        with self._begun(jobs) as batch:
            await batch.read(tokens)
        self._pace.prefilled(job.tail.digest, tokens, time.monotonic() - began)
        job.read_slice(tokens)
        self._slices[job] = batch

    async def _begin(self, jobs: Sequence[GenerationJob]) -> None:
        """Begin the answers of jobs, as a batch that others join when it is next decoded."""
        tokens, began = _padded_tokens(jobs), time.monotonic()
        with self._begun(jobs) as batch:
            read = await batch.prefill(self._prefix_cache.missing(jobs))
        for prompt in read:
            self._prefix_cache.put(*prompt)
        self._pace.prefilled(jobs[0].tail.digest, tokens, time.monotonic() - began)
        self._batches.append(batch)
        batch.postprocess()

    @contextmanager
    def _begun(self, jobs: Sequence[GenerationJob]) -> Iterator[GenerationBatch]:
        """What was read of a job's prompt, or nothing yet. Where the step raises, it is lost, and the prompt
        is read anew.
        """
        try:
            batch = self._slices.pop(jobs[0], None)
            yield batch or GenerationBatch(self._executor, jobs, self._text_interval)
        except BaseException:
            jobs[0].begin_anew()
            raise

    async def _merge(self, batch: GenerationBatch, other: GenerationBatch) -> None:
        """Let a batch have the rows of another, if there is memory."""
        rows, merge = len(batch.jobs) + len(other.jobs), partial(batch.merge, other)
        fault = await self._recovery.attempt("decode", rows, merge)
        if fault is None:
            self._batches.remove(other)
        elif fault == "raised":
            for job in other.jobs:
                job.fail(ModelFault("model code raised"))

    async def _decode(self, jobs: Sequence[GenerationJob]) -> None:
        batch, began = await self._batch_of(jobs), time.monotonic()
        await batch.decode()
        self._pace.decoded(jobs[0].tail.digest, len(jobs), time.monotonic() - began)
        batch.postprocess()

    async def _batch_of(self, jobs: Sequence[GenerationJob]) -> GenerationBatch:
        """The batch of the answers of these jobs, without others from now on."""
        batch = next(batch for batch in self._batches if jobs[0] in batch.jobs)
        if len(batch.jobs) > len(jobs):
            batch = await batch.split(jobs)
            self._batches.append(batch)
        return batch


def _padded_tokens(jobs: Sequence[Job]) -> int:
    """Of prompts side by side."""
    return len(jobs) * max(job.prompt_tokens for job in jobs)
