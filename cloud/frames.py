"""Image tokens of frames seen lately, so that a second question about a frame uploads nothing."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable

from torch import Tensor

from protos.errors import UnknownFrame


class Frames:
    """The frames used last, as many as fit in `most_bytes`; the one unused for longest goes first."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, tuple[str, Tensor]] = OrderedDict()

    def put(self, frame: str, bundle: str, image_tokens: Tensor) -> None:
        """Keep the image tokens (tokens, width) of a frame; a frame larger than all the room is not kept."""
        self._drop(frame)
        if image_tokens.nbytes > self._most:
            return
        while self._bytes + image_tokens.nbytes > self._most:
            self._drop(next(iter(self._kept)))
        # A copy, since a row of a batch would keep the whole batch alive.
        self._kept[frame] = (bundle, image_tokens.clone())
        self._bytes += image_tokens.nbytes

    def get(self, frame: str, bundle: str) -> Tensor:
        """The image tokens of a frame of this bundle. Raises UnknownFrame."""
        owner, tokens = self._kept.get(frame, ("", None))
        if tokens is None or owner != bundle:
            raise UnknownFrame(f"frame {frame[:64]!r} is not kept (any more); send its features or the picture again", frame=frame)
        self._kept.move_to_end(frame)
        return tokens

    def _drop(self, frame: str) -> None:
        _, tokens = self._kept.pop(frame, ("", None))
        self._bytes -= 0 if tokens is None else tokens.nbytes


def frame_digest(bundle: str, cut: str, codec: str, payloads: Iterable[tuple[str, bytes]]) -> str:
    """Hex SHA-256 over what a request says of its frame; lengths go in too, so that no two frames read the same."""
    digest = hashlib.sha256()
    parts = [bundle.encode(), cut.encode(), codec.encode()]
    for name, data in sorted(payloads):
        parts += [name.encode(), data]
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()
