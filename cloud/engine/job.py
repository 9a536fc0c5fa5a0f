"""One request on its way through the engine, and what streams back."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from cloud.engine.sampling import Sampler
from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.arrays import Floats
from protos.codec.payload import Frame
from protos.errors import DeadlineError
from protos.pictures.tiles import ONE_TILE, Grid
from splitter.families import DecoderBatch

Event = str | ip.Done | ip.EmbedReply  # any but text is the last
NEVER = float("inf")


class VisionModel(Protocol):
    """What the engine needs of whatever sees; tests may hand it something else."""

    digest: str

    def enter(self, cut: str, rows: list[Mapping[str, Tensor]]) -> Tensor:
        """Boundaries of pictures to the image tokens (tiles, tokens, width) of all their tiles in order."""


class Model(VisionModel, Protocol):
    """One that answers questions."""

    stop_tokens: frozenset[int]

    def decode(self, ids: list[int]) -> str:
        """Token ids as text, special tokens left out."""

    def rows(self, prompts: list[list[int]], image_tokens: Tensor) -> DecoderBatch:
        """Prompts with their image tokens in place."""


class Comparer(VisionModel, Protocol):
    """One that compares pictures with texts."""

    matching: pb.Matching

    def embed(self, texts: Sequence[str]) -> Floats:
        """Texts to embeddings (texts, width) of length 1."""


def milliseconds_since(instant: float) -> float:
    """Milliseconds from an instant of time.monotonic() to now."""
    return (time.monotonic() - instant) * 1000


@dataclass(eq=False, kw_only=True)
class Job:
    """What to look at, until when, and where the events go. Belongs to the event loop; instants are
    time.monotonic().
    """

    tail: VisionModel
    cut: str  # empty where there is no picture
    boundary: Mapping[str, Tensor]  # of one picture, (tiles, ...)
    frame: str  # its digest; empty where nothing is kept of it
    arrived: float = 0.0
    deadline: float = NEVER
    grid: Grid = ONE_TILE
    sent: Frame | None = None  # codes that another frame may be coded against
    stages: ip.Stages = field(default_factory=ip.Stages)
    queued: float = 0.0
    cancelled: bool = False
    _events: asyncio.Queue[Event | Exception] = field(default_factory=asyncio.Queue)

    @property
    def aborted(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self.cancelled or time.monotonic() >= self.deadline

    def say(self, event: Event) -> None:
        self._events.put_nowait(event)

    def fail(self, error: Exception) -> None:
        self._events.put_nowait(error)

    async def events(self) -> AsyncIterator[Event]:
        """Pieces of text as they come, then the last event. Raises what the job failed with, or
        DeadlineError.
        """
        while True:
            event = await self._next()
            if isinstance(event, Exception):
                raise event
            yield event
            if not isinstance(event, str):
                return

    async def _next(self) -> Event | Exception:
        left = None if self.deadline == NEVER else self.deadline - time.monotonic()
        try:
            async with asyncio.timeout(left):
                return await self._events.get()
        except TimeoutError:
            raise DeadlineError(
                "the deadline passed before the answer was complete; allow more time, or fewer tokens"
            ) from None


@dataclass(eq=False, kw_only=True)
class Question(Job):
    """To be answered in words."""

    tail: Model
    prompt: list[int]
    max_tokens: int
    sampler: Sampler | None


@dataclass(eq=False, kw_only=True)
class Comparison(Job):
    """A picture to be named by the best of `labels`; without labels what is seen, or else the `texts`, to be
    embedded.
    """

    tail: Comparer
    labels: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()  # what the text tower reads: of each label one
