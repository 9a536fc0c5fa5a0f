"""The engine: one batch of jobs at a time, its model work on a worker thread, off the event loop."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from cloud.engine.embedding_batch import EmbeddingBatch
from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.faults import ModelFault
from cloud.engine.generation_batch import GenerationBatch
from cloud.engine.image_encoder import EncodedImages, encode_images
from cloud.engine.job import EmbeddingJob, GenerationJob, Job
from cloud.engine.request_queue import RequestQueue
from protos import inference_pb2 as ip
from protos.errors import CloudError

_log = logging.getLogger(__name__)
ResultT = TypeVar("ResultT")


class Engine:
    """Belongs to the event loop, but for the model work, which one worker thread does."""

    def __init__(self, queue: RequestQueue, encoder_cache: EncoderCache) -> None:
        self.queue = queue
        self._encoder_cache = encoder_cache
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._running: list[Job] = []
        self._generation = GenerationBatch()

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
        """Jobs leave and join the batch; those that join are encoded and prefilled (or embedded), or else
        those that run decode one token.
        """
        joins = await self._schedule()
        with self._isolating_faults():
            if joins:
                images = await self._on_worker(encode_images, joins)
                self._remember(images)
                await self._embed(joins, images)
                await self._prefill(joins, images)
            else:
                await self._on_worker(self._generation.decode)
            self._generation.postprocess()

    async def _schedule(self) -> Sequence[Job]:
        """Let jobs leave and join the batch; those that join. Waits while nothing runs and nothing waits, and
        a moment for others that are coming in.
        """
        while True:
            schedule = self.queue.schedule(self._running)
            self._generation.leave(schedule.leaves)
            self._running = [job for job in self._running if job not in schedule.leaves]
            self._running += schedule.joins
            if self._running:
                return schedule.joins
            await self.queue.gather()

    def _remember(self, images: EncodedImages) -> None:
        for image, tokens in images.by_picture():
            self._encoder_cache.put(image.frame, images.bundle, image.owner, tokens, image.grid, image.sent)

    async def _embed(self, joins: Sequence[Job], images: EncodedImages) -> None:
        """Answer the embedding jobs; those with more texts than a step takes wait for their next turn."""
        if jobs := [job for job in joins if isinstance(job, EmbeddingJob)]:
            batch = EmbeddingBatch(jobs, images)
            await self._on_worker(batch.embed_texts)
            unfinished = batch.answer()
            self._running = [job for job in self._running if job not in unfinished]
            self.queue.put_back(unfinished)

    async def _prefill(self, joins: Sequence[Job], images: EncodedImages) -> None:
        """Prefill the generation jobs, which the following steps decode."""
        if jobs := [job for job in joins if isinstance(job, GenerationJob)]:
            await self._on_worker(self._generation.prefill, jobs, images.tokens)

    @contextmanager
    def holding(self, job: Job) -> Iterator[None]:
        """Queue the job; closing takes it out, wherever it is. Raises CloudBusy."""
        self.queue.put(job)
        try:
            yield
        finally:
            job.cancelled = True
            self.queue.discard(job)

    def load(self) -> ip.Load:
        """How many jobs wait and run right now."""
        return ip.Load(
            waiting=len(self.queue),
            running=len(self._running),
            queue_milliseconds=self.queue.mean_milliseconds,
        )

    @contextmanager
    def _isolating_faults(self) -> Iterator[None]:
        """An exception in model code fails the jobs that run, and nothing else."""
        try:
            yield
        except Exception:  # noqa: BLE001 - model code may raise anything
            _log.exception("a batch of %d failed; the service goes on", len(self._running))
            self._fail(self._running, ModelFault("model code raised"))

    async def _on_worker(self, work: Callable[..., ResultT], *arguments: object) -> ResultT:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work, *arguments)

    def _fail(self, jobs: Sequence[Job], error: Exception) -> None:
        for job in jobs:
            job.fail(error)
