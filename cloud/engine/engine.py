"""The engine: answers join and leave between any two steps; an executor does the model's work, off the event
loop.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain

from cloud.engine.answering import Answering
from cloud.engine.embedding_batch import EmbeddingBatch
from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.faults import ModelFault, not_finite
from cloud.engine.held_jobs import HeldJobs
from cloud.engine.image_encoder import Advanced, advance_images
from cloud.engine.job import EmbeddingJob, GenerationJob, Job
from cloud.engine.observer import Step, StepObserver, Unobserved
from cloud.engine.prefix_cache import PrefixCache
from cloud.engine.recovery import Recovery
from cloud.engine.request_queue import RequestQueue
from cloud.engine.scheduling.batch_limit import StepLimits
from cloud.engine.scheduling.pace import Pace
from cloud.engine.scheduling.scheduler import InFlight, Schedule
from cloud.runner.executor import Executor, ThreadExecutor
from cloud.runner.faults import ModelLost
from protos import inference_pb2 as ip
from protos.errors import CloudBusy, CloudError

_log = logging.getLogger(__name__)


class Engine:
    """Belongs to the event loop, but for the model's work."""

    def __init__(
        self,
        queue: RequestQueue,
        encoder_cache: EncoderCache,
        observer: StepObserver | None = None,
        prefix_cache: PrefixCache | None = None,
        text_interval: float = 0.0,
        executor: Executor | None = None,
    ) -> None:
        """Without a prefix cache, every prompt is read as a whole. `text_interval`: seconds from one piece of
        an answer's text to the next; 0: with every token. `executor`: a thread of this process, unless told.
        """
        self.queue, self._observer = queue, observer or Unobserved()
        self.held = HeldJobs()
        self._encoder_cache = encoder_cache
        self.prefix_cache = prefix_cache or PrefixCache(0)
        self._executor = executor or ThreadExecutor()
        self._pace = Pace()
        self._recovery = Recovery(queue.limits, self._observer, self.prefix_cache.make_room)
        self._joining: list[Job] = []  # until their answers have a row, or are embedded
        self._answering = Answering(
            self._executor, self.prefix_cache, self._pace, self._recovery, text_interval
        )

    async def run(self) -> None:
        """Step until cancelled; jobs that are then unfinished fail as UNAVAILABLE."""
        with self._executor:
            try:
                while True:
                    await self.step()
            finally:
                self.abandon("the service stopped before this was answered; ask again")

    async def step(self) -> None:
        """Rows of jobs that ended are free; then, of whoever was served least, pictures go on to a later cut
        (texts are embedded), prompts are prefilled, or the answers of a batch get a token each.
        """
        schedule = await self._schedule()
        jobs = self._working(schedule)
        observed = self._observer.step(_step_of(schedule), jobs)
        with observed, self._isolating_faults(jobs), self._charged(jobs), self._paced(schedule):
            if schedule.encodes:
                await self._encode(schedule)
            elif schedule.prefills:
                await self._prefill(schedule)
            else:
                await self._answering.decode(schedule.decodes)

    def abandon(self, why: str) -> None:
        """Fail whatever waits or runs as UNAVAILABLE."""
        self._fail_all(CloudError(why))

    def lose(self, why: str) -> None:
        """The same, as what the model held is lost, and nothing of it may be gone on from."""
        self._fail_all(ModelLost(why))
        self._encoder_cache.forget_image_tokens()
        self.prefix_cache.make_room()

    def _fail_all(self, error: Exception) -> None:
        self._fail([*self._running, *self.queue.clear()], error)

    async def _schedule(self) -> Schedule[Job]:
        """Let jobs leave; what the next step does. Waits while nothing is in flight and nothing waits, and a
        moment for others that are coming in.
        """
        while True:
            if schedule := self._due():
                return schedule
            if not self._running:
                await self.queue.gather()

    def _due(self) -> Schedule[Job] | None:
        """Let jobs leave; the next step, if there is work. Who waits for work holds no job that left, nor its
        picture or model.
        """
        schedule = self.queue.schedule(self._in_flight, self._pace)
        self._leave(schedule.leaves)
        return None if schedule.idle else schedule

    @property
    def _in_flight(self) -> InFlight[Job]:
        encoding = [job for job in self._joining if job.unencoded]
        encoded = [job for job in self._joining if not job.unencoded]
        return InFlight(encoded, self._answering.batches, encoding)

    def _working(self, schedule: Schedule[Job]) -> Sequence[Job]:
        """The jobs that a step works for."""
        decoding = chain.from_iterable(self._answering.batches[index] for index in schedule.decodes)
        return [*schedule.encodes, *schedule.prefills, *decoding]

    def _leave(self, leaving: Sequence[Job]) -> None:
        self._fail(
            [job for job in leaving if job.unread and not job.finished],
            CloudBusy("what there is of this answer was not read, so it was ended; ask again, and read it"),
        )
        for job in leaving:
            self.queue.learn(job)
        self._joining = [job for job in self._joining if job not in leaving]
        self._answering.leave(leaving)

    async def _encode(self, schedule: Schedule[Job]) -> None:
        """Pictures of one place go on to a later cut, where others may wait. Jobs that need no decoder are
        answered when theirs are encoded.
        """
        jobs = schedule.encodes
        self._joining += schedule.joins
        await self._recovery.run("encode", jobs, partial(self._advance, schedule.until))
        ready = [job for job in jobs if not (job.unencoded or job.finished)]
        await self._embed([job for job in ready if isinstance(job, EmbeddingJob)])
        self.prefix_cache.resume([job for job in ready if isinstance(job, GenerationJob)])

    async def _advance(self, until: int, jobs: Sequence[Job]) -> None:
        (bundle, left), began = jobs[0].place, time.monotonic()
        advanced = await advance_images(self._executor, jobs, until)
        if left:
            tiles = sum(job.tiles for job in jobs)
            self._pace.encoded(bundle, left, until, tiles, time.monotonic() - began)
        for picture in advanced:
            self._arrive(picture)

    def _arrive(self, picture: Advanced) -> None:
        """A job's picture stands at a later cut. At the last one it is image tokens, which are remembered;
        where they are no numbers, the job fails.
        """
        job, image = picture.job, picture.image
        job.advance(image)
        if not picture.finite:
            job.fail(not_finite())
        elif picture.image_tokens is not None:
            job.take_image_tokens(picture.image_tokens, picture.embedding)
            self._encoder_cache.put(
                image.frame, job.tail.digest, image.owner, picture.image_tokens, image.grid, image.sent
            )

    async def _embed(self, jobs: Sequence[EmbeddingJob]) -> None:
        """Answer the embedding jobs; those with more texts than a step takes wait for their next turn."""
        if not jobs:
            return
        await self._recovery.run("encode", jobs, self._embed_texts)
        self._leave(jobs)
        self.queue.put_back([job for job in jobs if not (job.finished or job.aborted)])

    async def _embed_texts(self, jobs: Sequence[EmbeddingJob]) -> None:
        embedding = EmbeddingBatch(self._executor, jobs)
        await embedding.embed_texts()
        embedding.answer()

    async def _prefill(self, schedule: Schedule[Job]) -> None:
        """Those whose prompts are read to their ends have rows from now on."""
        await self._answering.prefill(schedule)
        self._joining = [job for job in self._joining if job not in self._answering.jobs]

    @contextmanager
    def holding(self, job: Job) -> Iterator[None]:
        """Queue the job of a caller who waits; closing takes it out, wherever it is. Raises CloudBusy."""
        with self.held.held(job), self._queued(job):
            yield

    @contextmanager
    def in_background(self, job: Job) -> Iterator[None]:
        """The same for a job that nobody waits for: it fails as GaveWay when a caller comes. Raises GaveWay
        where one is there.
        """
        with self.held.background(job), self._queued(job):
            yield

    @contextmanager
    def _queued(self, job: Job) -> Iterator[None]:
        with self.queue.shares.active(job.caller):
            self.queue.put(job)
            try:
                yield
            finally:
                job.cancelled = True
                self.queue.discard(job)

    @property
    def _running(self) -> list[Job]:
        return [*self._joining, *self._answering.jobs]

    @property
    def limits(self) -> StepLimits:
        """What memory has room for in a step."""
        return self.queue.limits

    def load(self) -> ip.Load:
        """How many jobs wait and run right now."""
        return ip.Load(
            waiting=len(self.queue),
            running=len(self._running),
            queue_milliseconds=self.queue.mean_milliseconds,
        )

    @contextmanager
    def _charged(self, jobs: Sequence[Job]) -> Iterator[None]:
        """What a step takes is of its jobs' callers, in equal parts."""
        began = time.monotonic()
        try:
            yield
        finally:
            seconds = (time.monotonic() - began) / len(jobs)
            for job in jobs:
                job.worked += seconds
                self.queue.shares.charge(job.caller, seconds)

    @contextmanager
    def _paced(self, schedule: Schedule[Job]) -> Iterator[None]:
        """What newcomers take while answers are decoded is owed to these, and is the wait of who is held. An
        encoding from the last cut on is next to nothing, and the prefill behind it is owed.
        """
        stalled, began = bool(self._answering.batches), time.monotonic()
        computes = any(job.place.left for job in schedule.encodes)
        try:
            yield
        finally:
            seconds = time.monotonic() - began
            for job in schedule.held:
                job.held_seconds += seconds
            if schedule.prefills or computes or schedule.ahead:
                self._pace.joined(seconds, stalled=stalled)
            elif schedule.decodes:
                self._pace.stalled(seconds)

    @contextmanager
    def _isolating_faults(self, jobs: Sequence[Job]) -> Iterator[None]:
        """What is raised in a step fails its jobs, and nothing else."""
        try:
            yield
        except ModelLost as error:
            self._fail([job for job in jobs if not job.finished], error)
        except Exception:  # noqa: BLE001 - model code may raise anything
            _log.exception("a batch of %d failed; the service goes on", len(jobs))
            self._fail(jobs, ModelFault("model code raised"))

    def _fail(self, jobs: Sequence[Job], error: Exception) -> None:
        for job in jobs:
            job.fail(error)


def _step_of(schedule: Schedule[Job]) -> Step:
    if schedule.encodes:
        return "encode"
    if schedule.slice:
        return "slice"
    return "prefill" if schedule.prefills else "decode"
