"""Image tokens of frames seen lately, so that a second question about a frame uploads nothing."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from protos.errors import UnknownFrame
from protos.tiles import ONE_TILE, Grid


@dataclass(frozen=True)
class Frame:
    """The image tokens (tiles, tokens, width) of a picture of this grid of tiles, seen by this bundle."""

    bundle: str
    image_tokens: Tensor
    grid: Grid


class Frames:
    """The frames used last, as many as fit in `most_bytes`; the one unused for longest goes first."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, Frame] = OrderedDict()

    def put(self, frame: str, bundle: str, image_tokens: Tensor, grid: Grid = ONE_TILE) -> None:
        """Keep the image tokens (tiles, tokens, width) of a frame; a frame larger than all the room is not kept."""
        self._drop(frame)
        if image_tokens.nbytes > self._most:
            return
        while self._bytes + image_tokens.nbytes > self._most:
            self._drop(next(iter(self._kept)))
        # A copy, since a part of a batch would keep the whole batch alive.
        self._kept[frame] = Frame(bundle, image_tokens.clone(), grid)
        self._bytes += image_tokens.nbytes

    def get(self, frame: str, bundle: str) -> Frame:
        """What is kept of a frame of this bundle. Raises UnknownFrame."""
        kept = self._kept.get(frame)
        if kept is None or kept.bundle != bundle:
            raise UnknownFrame(f"frame {frame[:64]!r} is not kept (any more); send its features or the picture again", frame=frame)
        self._kept.move_to_end(frame)
        return kept

    def _drop(self, frame: str) -> None:
        kept = self._kept.pop(frame, None)
        self._bytes -= kept.image_tokens.nbytes if kept else 0


def frame_digest(bundle: str, cut: str, codec: str, grid: Grid, payloads: Iterable[tuple[str, bytes]]) -> str:
    """Hex SHA-256 over what a request says of its frame; lengths go in too, so that no two frames read the same."""
    digest = hashlib.sha256()
    parts = [bundle.encode(), cut.encode(), codec.encode(), f"{grid.rows} x {grid.columns}".encode()]
    for name, data in sorted(payloads):
        parts += [name.encode(), data]
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()
