"""The engine: what waits together is answered together, one batch at a time, off the event loop."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from cloud.engine.batch import Answers, Batch
from cloud.engine.embedding_batch import Comparisons
from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.job import Comparison, Job, Question
from cloud.engine.scheduler import Scheduler
from protos import inference_pb2 as ip
from protos.errors import CloudError

_log = logging.getLogger(__name__)


class ModelFault(Exception):
    """Model code raised; the log holds what. A bug, or a machine out of memory."""


class Engine:
    """Belongs to the event loop, but for the model work, which one worker thread does."""

    def __init__(self, scheduler: Scheduler, frames: EncoderCache, max_batch: int) -> None:
        self.scheduler = scheduler
        self._frames, self._max_batch = frames, max_batch
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._running: Batch | None = None

    async def run(self) -> None:
        """Answer until cancelled; jobs that are then unfinished fail as UNAVAILABLE."""
        with self._worker:
            try:
                while True:
                    await self.step()
            finally:
                self._fail(
                    [*self._unfinished(), *self.scheduler.clear()],
                    CloudError("the service stopped before this was answered; ask again"),
                )

    async def step(self) -> None:
        """Take the jobs that wait together at one cut, look, read what they say, and go on until every one is
        done.
        """
        jobs = await self.scheduler.take(self._max_batch)
        with self._alone(_batch(jobs)) as batch:
            await self._work(batch.encode_images)
            self._remember(batch)
            await self._work(batch.prefill)
            while batch.postprocess():
                await self._work(batch.decode)

    @contextmanager
    def holding(self, job: Job) -> Iterator[None]:
        """While open the job is in the engine's hands; closing takes it out, wherever it is. Raises
        CloudBusy.
        """
        self.scheduler.put(job)
        try:
            yield
        finally:
            job.cancelled = True
            self.scheduler.discard(job)

    def load(self) -> ip.Load:
        """How much there is to do right now."""
        running = len(self._running) if self._running else 0
        return ip.Load(
            waiting=len(self.scheduler), running=running, queue_milliseconds=self.scheduler.mean_milliseconds
        )

    @contextmanager
    def _alone(self, batch: Batch) -> Iterator[Batch]:
        """An exception in model code fails this batch, and nothing else."""
        self._running = batch
        try:
            yield batch
        except Exception:  # noqa: BLE001 - model code may raise anything
            _log.exception("a batch of %d failed; the service goes on", len(batch))
            self._fail(batch.jobs, ModelFault("model code raised"))
        self._running = None

    async def _work(self, part: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._worker, part)

    def _remember(self, batch: Batch) -> None:
        for job, image_tokens in batch.image_embeds():
            self._frames.put(job.frame, job.tail.digest, image_tokens, job.grid, job.sent)

    def _unfinished(self) -> Sequence[Job]:
        return self._running.jobs if self._running else []

    def _fail(self, jobs: Sequence[Job], error: Exception) -> None:
        for job in jobs:
            job.fail(error)


def _batch(jobs: Sequence[Job]) -> Batch:
    """Jobs of one bundle, which are all of one sort."""
    questions = [job for job in jobs if isinstance(job, Question)]
    return (
        Answers(questions) if questions else Comparisons([job for job in jobs if isinstance(job, Comparison)])
    )
