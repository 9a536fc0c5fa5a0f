"""Frames by name: what device and cloud each call what was sent of a picture, so that another may be coded against it."""

import hashlib
from collections.abc import Iterable

from protos.errors import PayloadError
from protos.payload import Frame
from protos.tiles import Grid

REFERENCE_BYTES = 8
_LETTERS = REFERENCE_BYTES  # of a digest's hex, which half a reference holds


def frame_digest(bundle: str, cut: str, codec: str, grid: Grid, parts: Iterable[tuple[str, bytes]]) -> str:
    """Hex SHA-256 over what a request says of its frame; lengths go in too, so that no two frames read the same."""
    digest = hashlib.sha256()
    named = [bundle.encode(), cut.encode(), codec.encode(), f"{grid.rows} x {grid.columns}".encode()]
    for name, data in sorted(parts):
        named += [name.encode(), data]
    for part in named:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def sent_bytes(frame: Frame) -> list[tuple[str, bytes]]:
    """What was sent by tensor, the same bytes on every machine: parts of a digest."""
    return [(name, sent.astype("<i2").tobytes()) for name, sent in frame.items()]


def beginning(frame: str) -> str:
    """As much of a frame's digest as a reference to it says."""
    return frame[:_LETTERS]


def reference_to(reference: str, frame: str) -> bytes:
    """`Features.reference` of a frame that is coded against another, from both digests."""
    return bytes.fromhex(beginning(reference) + beginning(frame))


def referred(reference: bytes) -> tuple[str, str]:
    """How the digests of the reference and of the frame itself begin. Raises PayloadError for what is no reference."""
    if len(reference) != REFERENCE_BYTES:
        raise PayloadError(f"a reference has {REFERENCE_BYTES} bytes, this one {len(reference)}; send a key frame")
    letters = reference.hex()
    return letters[:_LETTERS], letters[_LETTERS:]
