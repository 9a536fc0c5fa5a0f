"""Requests to jobs: everything that a request claims is checked here, off the event loop where it is work."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from torch import Tensor

from cloud.frames import Frames, frame_digest
from cloud.job import Job, milliseconds_since
from cloud.sampling import sampler
from cloud.tail import Tail
from protos import inference_pb2 as ip
from protos.bundle import PICTURE_CUT
from protos.errors import PayloadError, RequestError, WrongBundle


class Intake:
    """Checks and decodes requests for the bundles that are served."""

    def __init__(self, tails: Mapping[str, Tail], frames: Frames, pool: ThreadPoolExecutor) -> None:
        self._tails, self._frames, self._pool = tails, frames, pool

    async def admit(self, request: ip.InferRequest, deadline: float) -> Job:
        """A job ready for the engine. Raises what protos/errors.py has for each thing that can be wrong with a request."""
        arrived = time.monotonic()
        tail = self._tail(request.bundle)
        seen = self._frames.get(request.seen, tail.digest) if request.WhichOneof("input") == "seen" else None
        job = await asyncio.get_running_loop().run_in_executor(self._pool, _prepare, tail, request, seen)
        job.arrived, job.deadline = arrived, deadline
        job.stages.decode = milliseconds_since(arrived)
        return job

    def _tail(self, digest: str) -> Tail:
        if digest in self._tails:
            return self._tails[digest]
        served = ", ".join(self._tails)
        message = f"bundle {digest[:64]!r} is not served here, but {served}: work with one of these, or serve that bundle as well"
        raise WrongBundle(message, bundle=digest, served=list(self._tails))


def _prepare(tail: Tail, request: ip.InferRequest, seen: Tensor | None) -> Job:
    generation = request.generation
    prompt, draw = tail.prompts.build(request.question), sampler(generation)
    cut, boundary, frame = _enter(tail, request, seen)
    most = min(generation.most_tokens or tail.limits.most_new_tokens, tail.limits.most_new_tokens)
    return Job(tail, cut, boundary, prompt, most, draw, frame, arrived=0.0)


def _enter(tail: Tail, request: ip.InferRequest, seen: Tensor | None) -> tuple[str, Mapping[str, Tensor], str]:
    """Where the tail is entered, with what, and the digest of the frame."""
    if seen is not None:
        return *tail.seen(seen), request.seen
    if request.HasField("picture"):
        data = request.picture.data
        return PICTURE_CUT, tail.see(data), frame_digest(tail.digest, PICTURE_CUT, "", [("picture", data)])
    if not request.HasField("features"):
        raise RequestError("the request holds no input; give features, a picture, or the digest of a frame sent before")
    features = request.features
    payloads = {payload.name: payload.data for payload in features.payloads}
    if len(payloads) != len(features.payloads):
        raise PayloadError("a tensor came twice in one request; send each tensor of the boundary once")
    boundary = tail.unpack(features.cut, features.codec, payloads)
    return features.cut, boundary, frame_digest(tail.digest, features.cut, features.codec, payloads.items())
