"""Frames seen lately: their image tokens, so that a second question about one uploads nothing, and what was
sent of them, so that the next frame may be coded against it. Both are personal data: they are held in memory,
for a limited time, and never on disk.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

from protos.codec import payload as wire
from protos.errors import UnknownFrame
from protos.pictures.frames import digest_prefix
from protos.pictures.tiles import ONE_TILE, Grid

Value = TypeVar("Value")
_MAX_SENT_BYTES = 16 << 20


class TtlCache(Generic[Value]):
    """Values by key: those used last, as many as fit in `max_bytes`, and none that was put more than
    `seconds` ago.
    """

    def __init__(self, max_bytes: int, seconds: float, clock: Callable[[], float]) -> None:
        self._most, self._seconds, self._clock = max_bytes, seconds, clock
        self._bytes = 0
        self._kept: OrderedDict[str, tuple[Value, int, float]] = OrderedDict()

    def put(self, key: str, value: Value, size: int) -> None:
        """Keep a value of so many bytes; one larger than all the room is not kept."""
        self._drop(key)
        if size > self._most:
            return
        while self._bytes + size > self._most:
            self._drop(next(iter(self._kept)))
        self._kept[key] = value, size, self._clock() + self._seconds
        self._bytes += size

    def get(self, key: str) -> Value | None:
        value, _, until = self._kept.get(key, (None, 0, 0.0))
        if until <= self._clock():
            return None
        self._kept.move_to_end(key)
        return value

    def expire(self) -> None:
        """Drop what came too long ago: nobody gets it any more, but it still takes memory."""
        now = self._clock()
        for key in [key for key, (_, _, until) in self._kept.items() if until <= now]:
            self._drop(key)

    def _drop(self, key: str) -> None:
        _, size, _ = self._kept.pop(key, (None, 0, 0.0))
        self._bytes -= size


@dataclass(frozen=True)
class CachedEmbeds:
    """The image tokens (tiles, tokens, width) of a picture of this grid of tiles."""

    image_tokens: Tensor
    grid: Grid


class EncoderCache:
    """The frames used last: image tokens in `max_bytes`, what was sent in `max_sent_bytes`; nothing is kept
    for 0 `seconds`.
    """

    def __init__(
        self,
        max_bytes: int,
        seconds: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
        max_sent_bytes: int = _MAX_SENT_BYTES,
    ) -> None:
        self.seconds = seconds
        self._embeds = TtlCache[CachedEmbeds](max_bytes, seconds, clock)
        self._sent = TtlCache[wire.Frame](max_sent_bytes, seconds, clock)

    def put(
        self,
        frame: str,
        bundle: str,
        image_tokens: Tensor,
        grid: Grid = ONE_TILE,
        sent: wire.Frame | None = None,
    ) -> None:
        """Keep the image tokens (tiles, tokens, width) of a frame that a bundle has seen, and what was sent
        of it if codes were.
        """
        if not self.seconds:
            return
        # A copy, since a part of a batch would keep the whole batch alive.
        self._embeds.put(f"{bundle}/{frame}", CachedEmbeds(image_tokens.clone(), grid), image_tokens.nbytes)
        if sent is not None:
            self._sent.put(
                f"{bundle}/{digest_prefix(frame)}", sent, sum(codes.nbytes for codes in sent.values())
            )

    def get(self, frame: str, bundle: str) -> CachedEmbeds:
        """What is kept of a frame of this bundle. Raises UnknownFrame."""
        kept = self._embeds.get(f"{bundle}/{frame}")
        if kept is None:
            raise UnknownFrame(
                f"frame {frame[:64]!r} is not kept (any more); send its features or the picture again",
                frame=frame,
            )
        return kept

    def reference(self, begins: str, bundle: str) -> wire.Frame:
        """What was sent of the frame of this bundle whose digest begins so. Raises UnknownFrame."""
        kept = self._sent.get(f"{bundle}/{begins}")
        if kept is None:
            raise UnknownFrame(
                f"the reference frame {begins!r} is not kept (any more); send a key frame", frame=begins
            )
        return kept

    def expire(self) -> None:
        """Drop what came too long ago."""
        self._embeds.expire()
        self._sent.expire()
