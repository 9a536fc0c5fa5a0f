"""Image tokens of recent frames, so that a second question about one uploads nothing, and the codes that were
sent of them, so that the next frame may be coded against them. Both are personal data: they are held in
memory, for a limited time, and never on disk.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from torch import Tensor

from cloud.engine.ttl_cache import TtlCache
from protos.codec.payload import Frame
from protos.errors import UnknownFrame
from protos.pictures.frames import FRAME_BYTES, digest_prefix
from protos.pictures.tiles import ONE_TILE, Grid

_MAX_SENT_BYTES = 16 << 20
_NAME = 2 * FRAME_BYTES  # digits of a digest


def frame_key(bundle: str, frame: str) -> str:
    """What a frame of a bundle is kept by, whether its digest is whole or shortened."""
    return f"{bundle}/{frame[:_NAME]}"


@dataclass(frozen=True)
class CachedEmbeds:
    """The image tokens (tiles, tokens, width) of a picture of this grid of tiles."""

    image_tokens: Tensor
    grid: Grid


class StreamFrames:
    """What was sent of two frames of a stream: of the last one, and of the one that was answered last. It is
    kept among the codes of all frames, and may be lost as those are.
    """

    def __init__(self, sent: TtlCache[Frame], owner: str, name: str) -> None:
        self._sent, self._owner = sent, owner
        self._last, self._answered = f"{name}/last", f"{name}/answered"

    @property
    def last(self) -> Frame:
        """Raises UnknownFrame."""
        if (frame := self._sent.get(self._owner, self._last)) is None:
            raise UnknownFrame("the frame before is not kept (any more); send a key frame")
        return frame

    @property
    def answered(self) -> Frame | None:
        return self._sent.get(self._owner, self._answered)

    def read(self, frame: Frame) -> None:
        """The next one may be coded against it."""
        self._sent.put(self._owner, self._last, frame, sent_size(frame))

    def answer(self, frame: Frame) -> None:
        """Those that come are compared with it."""
        self._sent.put(self._owner, self._answered, frame, sent_size(frame))

    def forget_last(self) -> None:
        self._sent.drop(self._owner, self._last)

    def forget(self) -> None:
        for key in (self._last, self._answered):
            self._sent.drop(self._owner, key)


class EncoderCache:
    """Frames by owner, bundle and digest: image tokens in `max_bytes`, sent codes in `max_sent_bytes`.

    Nobody finds what another sent, nor learns whether it was. For 0 `seconds`, or for no owner, nothing is
    kept.
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
        self._sent = TtlCache[Frame](max_sent_bytes, seconds, clock)
        self._streams = count()

    @property
    def caches(self) -> Mapping[str, TtlCache[Any]]:
        """By name, for who counts what they find."""
        return {"image tokens": self._embeds, "codes": self._sent}

    def keeps(self, owner: str) -> bool:
        """Whether anything is kept for this owner."""
        return bool(self.seconds and owner)

    def put(
        self,
        frame: str,
        bundle: str,
        owner: str,
        image_tokens: Tensor,
        grid: Grid = ONE_TILE,
        sent: Frame | None = None,
    ) -> None:
        """Keep the image tokens (tiles, tokens, width) that a bundle's model made of a frame, and the codes
        that were sent of it, if any.
        """
        if not self.keeps(owner):
            return
        cached = CachedEmbeds(image_tokens, grid)
        self._embeds.put(owner, frame_key(bundle, frame), cached, image_tokens.nbytes)
        if sent is not None:
            own = {name: codes.copy() for name, codes in sent.items()}
            self._sent.put(owner, f"{bundle}/{digest_prefix(frame)}", own, sent_size(own))

    def get(self, frame: str, bundle: str, owner: str) -> CachedEmbeds:
        """The image tokens of a frame of this owner and bundle, named by the beginning of its digest. Raises
        UnknownFrame.
        """
        cached = self._embeds.get(owner, frame_key(bundle, frame))
        if cached is None:
            raise UnknownFrame(
                f"frame {frame[:64]!r} is not kept (any more); send its features or the picture again",
                frame=frame,
            )
        return cached

    def reference(self, prefix: str, bundle: str, owner: str) -> Frame:
        """The sent codes of the owner's frame whose digest has this prefix. Raises UnknownFrame."""
        sent = self._sent.get(owner, f"{bundle}/{prefix}")
        if sent is None:
            raise UnknownFrame(
                f"the reference frame {prefix!r} is not kept (any more); send a key frame", frame=prefix
            )
        return sent

    @contextmanager
    def stream(self, owner: str) -> Iterator[StreamFrames]:
        """Room for the frames of a stream, among what its owner has; free when it ends."""
        frames = StreamFrames(self._sent, owner, f"stream {next(self._streams)}")
        try:
            yield frames
        finally:
            frames.forget()

    def forget_image_tokens(self) -> None:
        """Keep none of those that there are: what held them has ended."""
        self._embeds.clear()

    def expire(self) -> None:
        """Free the memory of expired frames."""
        self._embeds.expire()
        self._sent.expire()


def sent_size(frame: Frame) -> int:
    """Bytes of the codes that were sent of a frame."""
    return sum(codes.nbytes for codes in frame.values())
