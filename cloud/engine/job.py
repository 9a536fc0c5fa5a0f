"""One request on its way through the engine, and the events that stream back."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from torch import Tensor

from cloud.engine.scheduling.schedulable import Place
from cloud.models.interfaces import EmbeddingModel, GenerativeModel, VisionModel
from cloud.runner.sampling import Sampler
from cloud.sharing.caller import NOBODY, Caller
from protos import inference_pb2 as ip
from protos.arrays import Floats
from protos.codec.payload import Frame
from protos.errors import DeadlineError
from protos.pictures.tiles import ONE_TILE, Grid
from splitter.families import Prefix

AwaitedT = TypeVar("AwaitedT")
Event = str | ip.Done | ip.EmbedReply  # any but text is the last
Screen = Callable[["Job", AsyncIterator[Event]], AsyncIterator[Event]]  # what stands before a job's caller
NEVER = float("inf")
UNREAD_SECONDS = 1.0  # that an answer runs on while its caller does not read what there is of it


def milliseconds_since(instant: float) -> float:
    """Milliseconds from an instant of time.monotonic() to now."""
    return (time.monotonic() - instant) * 1000


async def before(deadline: float, waiting: Awaitable[AwaitedT]) -> AwaitedT:
    """Wait until an instant of time.monotonic() at most. Raises DeadlineError."""
    left = None if deadline == NEVER else deadline - time.monotonic()
    try:
        async with asyncio.timeout(left):
            return await waiting
    except TimeoutError:
        raise deadline_passed() from None


def deadline_passed() -> DeadlineError:
    return DeadlineError(
        "the deadline passed before the answer was complete; allow more time, or fewer tokens"
    )


@dataclass(frozen=True)
class VisionInput:
    """One picture as it enters the tail, and where it stands in it."""

    cut: str  # at which it entered
    boundary: Mapping[str, Tensor]  # (tiles, ...), at the cut that it has come to
    grid: Grid = ONE_TILE
    frame: str = ""  # its digest; empty where the encoder cache keeps nothing
    sent: Frame | None = None  # codes that the next frame may be coded against
    owner: str = ""  # who may ask about it again; empty: nobody
    cached: bool = False  # image tokens that this very model made before
    codec: str = ""  # by which it came; empty: none
    reached: str = ""  # the cut that it has come to; empty: that at which it entered

    @property
    def at(self) -> str:
        """The cut of its boundary."""
        return self.reached or self.cut


@dataclass(eq=False, kw_only=True)
class Job:
    """The model work of one request, its deadline, and its events.

    Belongs to the event loop. Instants are time.monotonic().
    """

    tail: VisionModel
    image: VisionInput | None  # None: texts only
    caller: Caller = NOBODY
    arrived: float = 0.0
    deadline: float = NEVER
    queued: float = 0.0
    worked: float = 0.0  # seconds of the model, its part of those that several share
    held_seconds: float = 0.0  # that it has waited for company
    encoded: bool = False  # the tail has read its picture
    stages: ip.Stages = field(default_factory=ip.Stages)
    cancelled: bool = False
    finished: bool = False  # the last event, or an error, is emitted
    _events: asyncio.Queue[Event | Exception] = field(default_factory=asyncio.Queue)
    taking: float = NEVER  # since when whoever takes the events has been at one of them

    @property
    def unencoded(self) -> VisionInput | None:
        """The picture, while the tail has not read it."""
        return None if self.encoded else self.image

    @property
    def place(self) -> Place:
        left = len(self.tail.cuts) - 1 - self.tail.cuts.index(self.unencoded.at) if self.unencoded else None
        return Place(self.tail.digest, left)

    @property
    def tiles(self) -> int:
        """Of its picture."""
        return self.image.grid.tiles if self.image else 0

    @property
    def boundary_bytes(self) -> int:
        """What its picture takes where it stands."""
        return sum(tensor.nbytes for tensor in self.image.boundary.values()) if self.image else 0

    def advance(self, image: VisionInput) -> None:
        """Its picture has come to a cut, and waits there."""
        self.image, self.queued = image, time.monotonic()

    def take_image_tokens(self, image_tokens: Tensor, embedding: Floats | None) -> None:
        """What the tail has made of the picture (tiles, tokens, width); of a dual encoder its embedding
        (width).
        """
        del image_tokens, embedding
        self.encoded = True

    def end_wait(self) -> None:
        """Its turn has come; where nothing comes of it, it waits again."""
        self.stages.queue += milliseconds_since(self.queued)
        self.queued = time.monotonic()

    @property
    def prompt_tokens(self) -> int:
        """How many tokens are prefilled; 0 for a job that needs no decoder."""
        return 0

    @property
    def indivisible_tokens(self) -> int:
        """How many of them are prefilled in one step at least."""
        return self.prompt_tokens

    @property
    def tokens_left(self) -> int:
        """How many its answer may still have."""
        return 0

    @property
    def sliced(self) -> bool:
        """Whether some of them were read in a step before."""
        return False

    @property
    def resumes(self) -> bool:
        """Whether the beginning of the prompt was prefilled for another question."""
        return False

    @property
    def frame(self) -> str:
        """The digest of the picture's frame; empty where none is cached."""
        return self.image.frame if self.image else ""

    @property
    def owner(self) -> str:
        """Who may ask about that frame again; empty: nobody."""
        return self.image.owner if self.image and self.image.frame else ""

    @property
    def aborted(self) -> bool:
        """Whether the caller has cancelled or does not read, or the deadline has passed."""
        return self.cancelled or self.unread or time.monotonic() >= self.deadline

    @property
    def unread(self) -> bool:
        """Whether the caller has left what there is of the answer unread for too long to keep its row."""
        return time.monotonic() - self.taking >= UNREAD_SECONDS

    @property
    def answered(self) -> bool:
        """Whether the answer is complete."""
        return self.finished and self.stages.total > 0

    def emit(self, event: Event) -> None:
        """Append an event to `events`."""
        self._events.put_nowait(event)
        self.finished = not isinstance(event, str)

    def fail(self, error: Exception) -> None:
        """End the events with an error."""
        self._events.put_nowait(error)
        self.finished = True

    async def events(self, screen: Screen | None = None) -> AsyncIterator[Event]:
        """Pieces of text as they come, then the last event.

        Raises the error that the job failed with, or DeadlineError.
        """
        async for event in screen(self, self._emitted()) if screen else self._emitted():
            self.taking = time.monotonic()
            yield event
            self.taking = NEVER

    async def _emitted(self) -> AsyncIterator[Event]:
        while True:
            event = await self.next_event()
            yield event
            if not isinstance(event, str):
                return

    async def next_event(self) -> Event:
        """The next of them; the deadline may be put off meanwhile. Raises as `events`."""
        while True:
            deadline = self.deadline
            try:
                event = await before(deadline, self._events.get())
            except DeadlineError:
                if self.deadline == deadline:
                    raise
                continue
            if isinstance(event, Exception):
                raise event
            return event


@dataclass(eq=False, kw_only=True)
class GenerationJob(Job):
    """A question to be answered in words."""

    tail: GenerativeModel
    prompt: list[int]
    max_tokens: int
    sampler: Sampler | None  # None: greedy
    image_tokens: Tensor | None = None  # (tiles, tokens, width), from the encoding to the prefill
    prefix: Prefix | None = None  # of the prompt, where it was read for another question
    read_tokens: int = 0  # of what follows that, in slices so far
    answer_tokens: int = 0  # so far

    @property
    def prompt_tokens(self) -> int:
        return len(self.prompt) - (self.prefix.length if self.prefix else 0) - self.read_tokens

    @property
    def indivisible_tokens(self) -> int:
        return 0 if self.prefix or self.sliced else self.tail.indivisible_length(self.prompt)

    @property
    def tokens_left(self) -> int:
        return self.max_tokens - self.answer_tokens

    @property
    def sliced(self) -> bool:
        return self.read_tokens > 0

    @property
    def resumes(self) -> bool:
        return self.prefix is not None

    def resume(self, prefix: Prefix) -> None:
        """Let the decoder go on from a prefix, which has the image tokens in it."""
        self.prefix, self.image_tokens = prefix, None

    def take_image_tokens(self, image_tokens: Tensor, embedding: Floats | None) -> None:
        super().take_image_tokens(image_tokens, embedding)
        self.image_tokens = image_tokens

    def read_slice(self, tokens: int) -> None:
        """So many more tokens of its prompt are read; what is left waits for its turn."""
        self.read_tokens += tokens
        self.queued = time.monotonic()

    def begin_anew(self) -> None:
        """What was read of its prompt in slices is lost."""
        self.read_tokens = 0


@dataclass(eq=False, kw_only=True)
class EmbeddingJob(Job):
    """A picture to be named by the best of `labels`; without labels a picture or `texts` to be embedded."""

    tail: EmbeddingModel
    labels: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()  # what the text tower reads: of each label one
    picture: Floats | None = None  # its embedding (width), once the tail has read it
    embedded: dict[str, Floats] = field(default_factory=dict)  # texts that the text tower has read so far
    missing: dict[str, None] = field(init=False)  # those that it has yet to read, in order

    def __post_init__(self) -> None:
        self.missing = dict.fromkeys(self.texts)

    def take_image_tokens(self, image_tokens: Tensor, embedding: Floats | None) -> None:
        super().take_image_tokens(image_tokens, embedding)
        self.picture = embedding

    def take(self, embeddings: Mapping[str, Floats]) -> None:
        """Take those of the embeddings that are missing."""
        taken = {text: row for text, row in embeddings.items() if text in self.missing}
        self.embedded |= taken
        for text in taken:
            del self.missing[text]
