"""Requests to jobs: every claim of a request is checked here, the costly part in decode threads."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from cloud.admission.asked_content import asked_content
from cloud.admission.cached_inputs import Request, look_up, owner_of
from cloud.admission.decoders import Decoders
from cloud.admission.frame_reader import FrameReader
from cloud.admission.jobs import make_job
from cloud.admission.watched import WatchedFrames
from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.job import Job, milliseconds_since
from cloud.filters.content_filters import ContentFilters
from cloud.models.served_models import ServedModels
from cloud.sharing.caller import Caller
from protos import inference_pb2 as ip
from protos.errors import RequestError


class InputProcessor:
    """Checks and decodes requests for the bundles that are served."""

    def __init__(
        self,
        models: ServedModels,
        encoder_cache: EncoderCache,
        decoders: Decoders,
        filters: ContentFilters,
    ) -> None:
        self._models, self._encoder_cache, self._decoders = models, encoder_cache, decoders
        self._filters = filters

    async def admit(self, request: Request, caller: Caller, deadline: float) -> Job:
        """A job ready for the engine. Raises what protos/errors.py has for each thing that can be wrong with
        a request.
        """
        arrived = time.monotonic()
        tail = self._models.find(request.bundle)
        owner = owner_of(request, caller)
        await self._filters.check(asked_content(request), deadline)
        cached = look_up(request, tail.digest, owner, self._encoder_cache)
        job = await self._decoders.turns(request).run(
            caller, deadline, make_job, tail, request, cached, self._decoders.pictures.decode
        )
        if job.image:
            frame = job.image.frame if self._encoder_cache.keeps(owner) else ""
            job.image = replace(job.image, frame=frame, owner=owner)
        job.caller, job.arrived, job.deadline = caller, arrived, deadline
        job.stages.decode = milliseconds_since(arrived)
        return job

    @asynccontextmanager
    async def watching(
        self, opening: ip.WatchOpening, caller: Caller, deadline: float
    ) -> AsyncIterator[FrameReader]:
        """Reads the frames of a stream, which are kept within. Raises as `admit`, for an opening that no
        frame can be answered by.
        """
        tail, owner = self._models.find(opening.bundle), owner_of(opening, caller)
        if not self._encoder_cache.seconds:
            raise RequestError("this service keeps no frame for the next (--keep 0); ask with Infer")
        await self._filters.check(asked_content(opening), deadline)
        turns = self._decoders.features
        frames = await turns.run(caller, deadline, WatchedFrames, tail, opening, owner)
        with self._encoder_cache.stream(owner or caller.connection) as kept:
            yield FrameReader(frames, kept, turns, caller, lambda: self._models.while_served(tail.digest))
