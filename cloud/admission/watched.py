"""The frames of one Watch stream: what they share is checked once, then each is read and compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cloud.admission.jobs import answer_job
from cloud.engine.job import Job, VisionInput
from cloud.models.dual_encoder import DualEncoder
from cloud.models.tail import Tail
from cloud.models.vision_tail import by_tiles
from protos import inference_pb2 as ip
from protos.arrays import Floats
from protos.codec.interface import FrameCodec
from protos.codec.payload import Frame
from protos.errors import PayloadError, RequestError
from protos.pictures.frames import frame_digest, sent_bytes
from protos.pictures.likeness import feature_distance
from protos.pictures.tiles import claimed_grid

_MAX_THRESHOLD = 2.0  # the distance of opposites


@dataclass(frozen=True)
class ReadFrame:
    """A frame that was decoded. `job`: the question about it; None where it is as the one that was answered
    last.
    """

    sent: Frame
    job: Job | None


class WatchedFrames:
    """Frames as an opening describes them. Works in a decode thread; holds nothing of a frame.

    Raises UnknownName, PromptError, PayloadError or RequestError for an opening that no frame can be answered
    by.
    """

    def __init__(self, tail: Tail | DualEncoder, opening: ip.WatchOpening, owner: str) -> None:
        """`owner`: who may ask about a frame again; empty: nobody."""
        self._tail, self._opening, self._owner = tail, opening, owner
        self._codec: FrameCodec = tail.frame_codec(opening.cut, opening.codec)
        self._names = [t.codes.name for t in tail.bundle.codec(opening.cut, opening.codec).tensors]
        self._grid = claimed_grid(opening, tail.bundle.manifest.preprocessing)
        if not 0 <= opening.threshold <= _MAX_THRESHOLD:
            raise RequestError(
                f"the threshold is {opening.threshold}; give 0 (the same features) to {_MAX_THRESHOLD:g}"
            )
        answer_job(tail, opening, lambda: VisionInput(opening.cut, {}, self._grid))

    def read(self, payloads: Sequence[bytes], reference: Frame | None, answered: Frame | None) -> ReadFrame:
        """Decode a frame, and compare it with the one that was answered last. `reference`: the frame that it
        is coded against; None for a key frame. Raises PayloadError or TooLarge.
        """
        sent = self._codec.unpack(self._named(payloads, reference), self._grid.tiles, reference)
        if answered is not None and _same(sent, answered):
            return ReadFrame(sent, None)
        features = self._codec.tensors(sent)
        if answered is not None and self._near(features, answered):
            return ReadFrame(sent, None)
        boundary = by_tiles(features, self._grid.tiles)
        opening = self._opening
        image = VisionInput(opening.cut, boundary, self._grid, owner=self._owner, codec=opening.codec)
        if self._owner:
            image = replace(image, frame=self._digest(sent))
        return ReadFrame(sent, answer_job(self._tail, self._opening, lambda: image))

    def _named(self, payloads: Sequence[bytes], reference: Frame | None) -> Mapping[str, bytes]:
        if not payloads and reference is not None:
            return dict.fromkeys(self._names, b"")
        if len(payloads) != len(self._names):
            raise PayloadError(
                f"the frame has {len(payloads)} payloads; send one of each tensor, in this order: "
                f"{', '.join(self._names)}"
            )
        return dict(zip(self._names, payloads, strict=True))

    def _near(self, features: Mapping[str, Floats], answered: Frame) -> bool:
        threshold = self._opening.threshold
        return threshold > 0 and feature_distance(features, self._codec.tensors(answered)) <= threshold

    def _digest(self, sent: Frame) -> str:
        opening = self._opening
        return frame_digest(self._tail.digest, opening.cut, opening.codec, self._grid, sent_bytes(sent))


def _same(one: Frame, other: Frame) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)
