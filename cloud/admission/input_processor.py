"""Requests to jobs: everything that a request claims is checked here, off the event loop where it is work."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from torch import Tensor

from cloud.engine.embedding_batch import TEXTS
from cloud.engine.encoder_cache import CachedEmbeds, EncoderCache
from cloud.engine.job import Comparison, Job, Question, milliseconds_since
from cloud.engine.sampling import sampler
from cloud.models.dual_encoder import DualEncoder
from cloud.models.tail import Tail, VisionTail
from protos import inference_pb2 as ip
from protos.bundle import PICTURE_CUT
from protos.codec.payload import Frame
from protos.errors import PayloadError, RequestError, WrongBundle
from protos.limits import check_labels, check_question, check_texts
from protos.matching import label_texts
from protos.pictures.frames import frame_digest, sent_bytes, split_reference
from protos.pictures.tiles import ONE_TILE, Grid, claimed_grid

Request = ip.InferRequest | ip.EmbedRequest


class _Entry(NamedTuple):
    """Where the tail is entered, with what, the picture's grid of tiles, the frame's digest, and what was
    sent: fields of a job.
    """

    cut: str
    boundary: Mapping[str, Tensor]
    grid: Grid
    frame: str
    sent: Frame | None = None


class _Known(NamedTuple):
    """What is kept of the frame that a request is about, or of the one that its frame is coded against."""

    cached: CachedEmbeds | None = None
    reference: Frame | None = None


class InputProcessor:
    """Checks and decodes requests for the bundles that are served."""

    def __init__(
        self, tails: Mapping[str, Tail | DualEncoder], frames: EncoderCache, pool: ThreadPoolExecutor
    ) -> None:
        self._tails, self._frames, self._pool = tails, frames, pool

    async def admit(self, request: Request, deadline: float) -> Job:
        """A job ready for the engine. Raises what protos/errors.py has for each thing that can be wrong with
        a request.
        """
        arrived = time.monotonic()
        tail = self._tail(request.bundle)
        job = await asyncio.get_running_loop().run_in_executor(
            self._pool, _prepare, tail, request, self._known(request)
        )
        if not self._frames.seconds:
            job.frame = ""
        job.arrived, job.deadline = arrived, deadline
        job.stages.decode = milliseconds_since(arrived)
        return job

    def _known(self, request: Request) -> _Known:
        if request.WhichOneof("input") == "cached_frame":
            return _Known(cached=self._frames.get(request.cached_frame, request.bundle))
        if reference := request.features.reference:
            return _Known(reference=self._frames.reference(split_reference(reference)[0], request.bundle))
        return _Known()

    def _tail(self, digest: str) -> Tail | DualEncoder:
        if digest in self._tails:
            return self._tails[digest]
        served = ", ".join(self._tails)
        message = (
            f"bundle {digest[:64]!r} is not served here, but {served}: work with one of these, or "
            "serve that bundle as well"
        )
        raise WrongBundle(message, bundle=digest, served=list(self._tails))


def _prepare(tail: Tail | DualEncoder, request: Request, known: _Known) -> Job:
    if isinstance(request, ip.EmbedRequest):
        return _embedding(tail, request, known)
    check_labels(request.labels, tail.bundle.manifest)
    if isinstance(tail, DualEncoder):
        entry = _enter(tail, request, known)
        labels = tuple(request.labels or tail.matching.labels)
        return Comparison(
            tail=tail, **entry._asdict(), labels=labels, texts=tuple(label_texts(tail.matching, labels))
        )
    return _question(tail, request, known)


def _question(tail: Tail, request: ip.InferRequest, known: _Known) -> Question:
    generation = request.generation
    check_question(request.question, tail.limits)
    draw = sampler(generation)
    entry = _enter(tail, request, known)
    prompt = tail.prompts.build(request.question, entry.grid)
    most = min(generation.max_tokens or tail.limits.max_new_tokens, tail.limits.max_new_tokens)
    return Question(tail=tail, **entry._asdict(), prompt=prompt, max_tokens=most, sampler=draw)


def _embedding(tail: Tail | DualEncoder, request: ip.EmbedRequest, known: _Known) -> Comparison:
    if not isinstance(tail, DualEncoder):
        raise RequestError(
            f"{tail.bundle.manifest.model} answers questions and has no embeddings to compare; ask it "
            "with "
            "Infer"
        )
    if request.HasField("texts"):
        texts = tuple(request.texts.texts)
        if not texts:
            raise RequestError("the request holds no text; give at least one")
        check_texts(texts, tail.matching)
        return Comparison(tail=tail, cut=TEXTS, boundary={}, frame="", texts=texts)
    return Comparison(tail=tail, **_enter(tail, request, known)._asdict())


def _enter(tail: VisionTail, request: Request, known: _Known) -> _Entry:
    if known.cached is not None:
        return _Entry(
            *tail.cached_boundary(known.cached.image_tokens), known.cached.grid, request.cached_frame
        )
    if request.HasField("picture"):
        data = request.picture.data
        return _Entry(
            PICTURE_CUT,
            *tail.preprocess(data),
            frame_digest(tail.digest, PICTURE_CUT, "", ONE_TILE, [("picture", data)]),
        )
    if not request.HasField("features"):
        raise RequestError(
            "the request holds no input; give features, a picture, or the digest of a frame sent before"
        )
    return _features(tail, request.features, known.reference)


def _features(tail: VisionTail, features: ip.Features, reference: Frame | None) -> _Entry:
    payloads = {payload.name: payload.data for payload in features.payloads}
    if len(payloads) != len(features.payloads):
        raise PayloadError("a tensor came twice in one request; send each tensor of the boundary once")
    grid = claimed_grid(features, tail.bundle.manifest.preprocessing)
    boundary, sent = tail.unpack(features.cut, features.codec, payloads, grid.tiles, reference)
    parts = payloads.items() if sent is None else sent_bytes(sent)
    frame = frame_digest(tail.digest, features.cut, features.codec, grid, parts)
    if reference is not None and not frame.startswith(split_reference(features.reference)[1]):
        raise PayloadError(
            "the differences do not lead to the frame that they are said to; the payload is damaged: "
            "send "
            "a key frame"
        )
    return _Entry(features.cut, boundary, grid, frame, sent)
