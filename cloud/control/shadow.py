"""Requests that were answered, run once more by both versions while nothing else runs, and compared."""

import asyncio
import logging
import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from cloud.control.traffic import TrafficControl
from cloud.engine.engine import Engine
from cloud.engine.job import EmbeddingJob, GenerationJob, Job, VisionInput
from cloud.models.dual_encoder import DualEncoder
from cloud.models.served_models import ServedModel, ServedModels
from cloud.models.tail import Tail
from cloud.rollout.rollout import Rollout, StageTimes
from cloud.rollout.tally import Pair
from cloud.runner.faults import ModelLost
from cloud.sharing.caller import Caller
from protos import inference_pb2 as ip
from protos.errors import CloudBusy

_log = logging.getLogger(__name__)
_SHADOW = Caller("shadow", "shadow")  # nobody is charged for it
_IDLE_SECONDS = 1.0  # that a request is held for the service to have nothing else to do
_RUN_SECONDS = 60.0
_STAGES = ("tail", "first_token", "generate")  # what depends on the version, and not on the load
_PARTS = 1 << 32


@dataclass(frozen=True)
class _Run:
    """What one version made of a request; `text` is None where it failed."""

    text: str | None
    times: StageTimes

    @property
    def milliseconds(self) -> float:
        return sum(self.times.values())


@dataclass(frozen=True)
class _Answered:
    """A request that was answered, and its picture as it came, of which nothing is kept."""

    job: Job
    image: VisionInput

    def again(self, version: ServedModel) -> Job:
        """The same for a version."""
        job = self.job
        again: Job | None = None
        if isinstance(job, GenerationJob) and isinstance(version, Tail):
            limit = min(job.max_tokens, version.limits.max_new_tokens)
            again = GenerationJob(
                tail=version, image=self.image, prompt=list(job.prompt), max_tokens=limit, sampler=None
            )
        elif isinstance(job, EmbeddingJob) and isinstance(version, DualEncoder):
            again = EmbeddingJob(tail=version, image=self.image, labels=job.labels, texts=job.texts)
        if again is None:
            raise TypeError("the versions of a rollout are of one kind")
        again.caller, again.arrived = _SHADOW, time.monotonic()
        again.deadline = again.arrived + _RUN_SECONDS
        return again


class Shadow:
    """Takes a share of the requests for the stable version, one at a time. Both versions run it, in an order
    that is drawn, so that load and caches are the same for both. Nothing is told of what they say, nor kept;
    a request that comes ends them. Belongs to the event loop.
    """

    def __init__(self, engine: Engine, models: ServedModels, traffic: TrafficControl) -> None:
        self._engine, self._models, self._traffic = engine, models, traffic
        self._offered = asyncio.Queue[_Answered](1)
        self._busy = False
        engine.held.on_held = self._drawn

    async def run(self) -> None:
        """Compare, until cancelled."""
        while True:
            await self._next()

    def _drawn(self, job: Job) -> Callable[[], None] | None:
        """What to do with a job once it is answered, if it is drawn. Its picture is kept as it came: the
        engine takes it on through the model.
        """
        rollout, image = self._traffic.rollout, job.image
        if self._busy or not rollout or rollout.rolled_back or image is None:
            return None
        if not _comparable(job, image, rollout) or secrets.randbelow(_PARTS) >= rollout.shadow * _PARTS:
            return None
        return lambda: self._offer(_Answered(job, replace(image, frame="", sent=None, owner="")))

    def _offer(self, answered: _Answered) -> None:
        """Take a request, if no other is at work."""
        if not self._busy:
            self._busy = True
            self._offered.put_nowait(answered)

    async def _next(self) -> None:
        answered = await self._offered.get()
        try:
            await self._compare(answered)
        except (CloudBusy, ModelLost):
            if rollout := self._traffic.rollout:
                rollout.interrupted += 1
        except Exception:  # noqa: BLE001 - no caller has to do with it
            _log.exception("a comparison broke off; the service goes on")
        finally:
            self._busy = False

    async def _compare(self, answered: _Answered) -> None:
        """Raises CloudBusy where requests come."""
        rollout = self._traffic.rollout
        if not rollout or answered.job.tail.digest != rollout.stable:
            return
        versions = [self._models[digest] for digest in (rollout.stable, rollout.candidate)]
        try:
            async with asyncio.timeout(_IDLE_SECONDS):
                await self._engine.held.none()
        except TimeoutError:
            raise CloudBusy("there is never nothing to do") from None
        if secrets.randbelow(2):
            versions.reverse()
        runs = {version.digest: await self._run(answered.again(version)) for version in versions}
        stable, candidate = runs[rollout.stable], runs[rollout.candidate]
        if self._traffic.rollout is rollout:
            rollout.take(_pair(stable, candidate), stable.times, candidate.times)

    async def _run(self, job: Job) -> _Run:
        """Raises CloudBusy where requests come, ModelLost where the process ended that ran it."""
        try:
            with self._engine.in_background(job):
                *pieces, end = [event async for event in job.events()]
        except (CloudBusy, ModelLost):
            raise
        except Exception as error:  # noqa: BLE001 - a version may fail in any way; how, its words may quote
            _log.warning("a shadow of %s failed: %s", job.tail.digest[:12], type(error).__name__)
            return _Run(None, {})
        stages = end.stages if isinstance(end, ip.Done) else ip.Stages()
        return _Run("".join(map(str, pieces)), {name: getattr(stages, name) for name in _STAGES})


def _comparable(job: Job, image: VisionInput, rollout: Rollout) -> bool:
    """Whether both versions can be given it, and would always say the same of it."""
    if image.cached or image.cut not in rollout.cuts or job.tail.digest != rollout.stable:
        return False
    if isinstance(job, EmbeddingJob):
        return bool(job.labels)
    return isinstance(job, GenerationJob) and job.sampler is None


def _pair(stable: _Run, candidate: _Run) -> Pair:
    if stable.text is None or candidate.text is None:
        return Pair(stable.text is None, candidate.text is None)
    ratio = candidate.milliseconds / stable.milliseconds if stable.milliseconds > 0 else 0.0
    return Pair(changed=stable.text != candidate.text, log_ratio=math.log(ratio) if ratio > 0 else 0.0)
