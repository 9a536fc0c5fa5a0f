"""Requests to jobs: every claim of a request is checked here, the costly part in decode threads."""

import time
from collections.abc import Mapping
from dataclasses import replace

from cloud.admission.cached_inputs import Request, look_up, owner_of
from cloud.admission.decoders import Decoders
from cloud.admission.jobs import make_job
from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.job import Job, milliseconds_since
from cloud.models.dual_encoder import DualEncoder
from cloud.models.tail import Tail
from cloud.sharing.caller import Caller
from protos.errors import WrongBundle


class InputProcessor:
    """Checks and decodes requests for the bundles that are served."""

    def __init__(
        self, tails: Mapping[str, Tail | DualEncoder], encoder_cache: EncoderCache, decoders: Decoders
    ) -> None:
        self._tails, self._encoder_cache, self._decoders = tails, encoder_cache, decoders

    async def admit(self, request: Request, caller: Caller, deadline: float) -> Job:
        """A job ready for the engine. Raises what protos/errors.py has for each thing that can be wrong with
        a request.
        """
        arrived = time.monotonic()
        tail = self._tail(request.bundle)
        owner = owner_of(request)
        cached = look_up(request, owner, self._encoder_cache)
        job = await self._decoders.turns(request).run(
            caller, deadline, make_job, tail, request, cached, self._decoders.pictures.decode
        )
        if job.image:
            frame = job.image.frame if self._encoder_cache.keeps(owner) else ""
            job.image = replace(job.image, frame=frame, owner=owner)
        job.caller, job.arrived, job.deadline = caller, arrived, deadline
        job.stages.decode = milliseconds_since(arrived)
        return job

    def _tail(self, digest: str) -> Tail | DualEncoder:
        if digest in self._tails:
            return self._tails[digest]
        served = ", ".join(self._tails)
        message = (
            f"bundle {digest[:64]!r} is not served here, but {served}: work with one of these, or "
            "serve that bundle as well"
        )
        raise WrongBundle(message, bundle=digest, served=list(self._tails))
