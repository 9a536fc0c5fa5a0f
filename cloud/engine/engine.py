"""The engine: batches of jobs by turns, one step at a time, its model work on a worker thread, off the event
loop.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from cloud.engine.embedding_batch import EmbeddingBatch
from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.faults import ModelFault
from cloud.engine.generation_batch import GenerationBatch
from cloud.engine.image_encoder import EncodedImages, encode_images
from cloud.engine.job import EmbeddingJob, GenerationJob, Job
from cloud.engine.request_queue import RequestQueue
from protos import inference_pb2 as ip
from protos.errors import CloudBusy, CloudError

_log = logging.getLogger(__name__)
ResultT = TypeVar("ResultT")


@dataclass(eq=False)
class _Batch:
    """Jobs that run together, until all are done."""

    jobs: list[Job]
    generation: GenerationBatch = field(default_factory=GenerationBatch)
    begun: bool = False

    def leave(self, leaving: Sequence[Job]) -> None:
        self.jobs = [job for job in self.jobs if job not in leaving]
        self.generation.leave(leaving)


class Engine:
    """Belongs to the event loop, but for the model work, which one worker thread does."""

    def __init__(self, queue: RequestQueue, encoder_cache: EncoderCache) -> None:
        self.queue = queue
        self._encoder_cache = encoder_cache
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._batches: list[_Batch] = []

    async def run(self) -> None:
        """Step until cancelled; jobs that are then unfinished fail as UNAVAILABLE."""
        with self._worker:
            try:
                while True:
                    await self.step()
            finally:
                self._fail(
                    [*self._running, *self.queue.clear()],
                    CloudError("the service stopped before this was answered; ask again"),
                )

    async def step(self) -> None:
        """Jobs leave, and the batch whose turn it is begins or goes on: its jobs are encoded and prefilled
        (or embedded), or each gets one token.
        """
        batch = await self._schedule()
        with self._isolating_faults(batch), self._charged(batch):
            if batch.begun:
                await self._on_worker(batch.generation.decode)
            else:
                await self._begin(batch)
            batch.generation.postprocess()

    async def _schedule(self) -> _Batch:
        """Let jobs leave and join; the batch that runs a step. Waits while nothing runs and nothing waits,
        and a moment for others that are coming in.
        """
        while True:
            schedule = self.queue.schedule([batch.jobs for batch in self._batches])
            self._leave(schedule.leaves)
            if schedule.joins:
                self._batches.append(_Batch(list(schedule.joins)))
                return self._batches[-1]
            if schedule.turn is not None:
                return self._batches[schedule.turn]
            if not self._batches:
                await self.queue.gather()

    def _leave(self, leaving: Sequence[Job]) -> None:
        self._fail(
            [job for job in leaving if job.unread and not job.finished],
            CloudBusy("what there is of this answer was not read, so it was ended; ask again, and read it"),
        )
        for batch in self._batches:
            batch.leave(leaving)
        self._batches = [batch for batch in self._batches if batch.jobs]

    async def _begin(self, batch: _Batch) -> None:
        batch.begun = True
        images = await self._on_worker(encode_images, batch.jobs)
        self._remember(images)
        await self._embed(batch, images)
        await self._prefill(batch, images)

    def _remember(self, images: EncodedImages) -> None:
        for image, tokens in images.by_picture():
            self._encoder_cache.put(image.frame, images.bundle, image.owner, tokens, image.grid, image.sent)

    async def _embed(self, batch: _Batch, images: EncodedImages) -> None:
        """Answer the embedding jobs; those with more texts than a step takes wait for their next turn."""
        if jobs := [job for job in batch.jobs if isinstance(job, EmbeddingJob)]:
            embedding = EmbeddingBatch(jobs, images)
            await self._on_worker(embedding.embed_texts)
            unfinished = embedding.answer()
            self._leave(unfinished)
            self.queue.put_back(unfinished)

    async def _prefill(self, batch: _Batch, images: EncodedImages) -> None:
        """Prefill the generation jobs, which the following steps decode."""
        if jobs := [job for job in batch.jobs if isinstance(job, GenerationJob)]:
            await self._on_worker(batch.generation.prefill, jobs, images.tokens)

    @contextmanager
    def holding(self, job: Job) -> Iterator[None]:
        """Queue the job; closing takes it out, wherever it is. Raises CloudBusy."""
        with self.queue.shares.active(job.caller):
            self.queue.put(job)
            try:
                yield
            finally:
                job.cancelled = True
                self.queue.discard(job)

    @property
    def _running(self) -> list[Job]:
        return [job for batch in self._batches for job in batch.jobs]

    def load(self) -> ip.Load:
        """How many jobs wait and run right now."""
        return ip.Load(
            waiting=len(self.queue),
            running=len(self._running),
            queue_milliseconds=self.queue.mean_milliseconds,
        )

    @contextmanager
    def _charged(self, batch: _Batch) -> Iterator[None]:
        """What a step takes is of its jobs' callers, in equal parts."""
        callers, began = [job.caller for job in batch.jobs], time.monotonic()
        try:
            yield
        finally:
            seconds = (time.monotonic() - began) / len(callers)
            for caller in callers:
                self.queue.shares.charge(caller, seconds)

    @contextmanager
    def _isolating_faults(self, batch: _Batch) -> Iterator[None]:
        """An exception in model code fails the jobs of its batch, and nothing else."""
        try:
            yield
        except Exception:  # noqa: BLE001 - model code may raise anything
            _log.exception("a batch of %d failed; the service goes on", len(batch.jobs))
            self._fail(batch.jobs, ModelFault("model code raised"))

    async def _on_worker(self, work: Callable[..., ResultT], *arguments: object) -> ResultT:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work, *arguments)

    def _fail(self, jobs: Sequence[Job], error: Exception) -> None:
        for job in jobs:
            job.fail(error)
