"""Frames by name: what device and cloud each call what was sent of a picture, so that another may be coded
against it.
"""

import hashlib
from collections.abc import Iterable

from protos.codec.payload import Frame
from protos.errors import PayloadError
from protos.pictures.tiles import Grid

FRAME_BYTES = 8  # of a frame's digest, that name it: among one client's frames no two begin alike
_KNOWN_BYTES = 4  # of the reference's digest: the client's secret keeps others away
_OWN_BYTES = 4  # of the frame's own: enough to see damage, or another reference
REFERENCE_BYTES = _KNOWN_BYTES + _OWN_BYTES


def frame_digest(bundle: str, cut: str, codec: str, grid: Grid, parts: Iterable[tuple[str, bytes]]) -> str:
    """Hex SHA-256 over what a request says of its frame; lengths go in too, so that no two frames read the
    same.
    """
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


def frame_id(frame: str) -> bytes:
    """How replies and requests name the frame of a digest; nothing for none."""
    return bytes.fromhex(frame)[:FRAME_BYTES]


def digest_prefix(frame: str) -> str:
    """As much of a frame's digest as a reference to it says."""
    return frame[: 2 * _KNOWN_BYTES]


def reference_to(reference: str, frame: str) -> bytes:
    """`Features.reference` of a frame that is coded against another, from both digests."""
    return bytes.fromhex(digest_prefix(reference) + frame[: 2 * _OWN_BYTES])


def split_reference(reference: bytes) -> tuple[str, str]:
    """How the digests of the reference and of the frame itself begin. Raises PayloadError for what is no
    reference.
    """
    if len(reference) != REFERENCE_BYTES:
        raise PayloadError(
            f"a reference has {REFERENCE_BYTES} bytes, this one {len(reference)}; send a key frame"
        )
    return reference[:_KNOWN_BYTES].hex(), reference[_KNOWN_BYTES:].hex()
