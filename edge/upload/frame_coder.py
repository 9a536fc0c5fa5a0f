"""Frames on their way up: each coded against the last one of the same source, cut and codec that the cloud
has, where that is shorter.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from edge.upload.feature_encoders import FeatureEncoders
from protos import codec
from protos import inference_pb2 as pb
from protos.bundle import Bundle
from protos.codec.payload import Frame
from protos.features import coding_number
from protos.pictures import frames
from protos.pictures.tiles import ONE_TILE, Grid

_MAX_LOSSES = 7  # that count: 126 key frames
_MAX_STREAMS = 64  # of a source, a cut and a codec, whose last frames are kept
# differences so many times smaller than the last key frame: no need to see how large another would be
_SURELY = 2


_Key = tuple[str, str, str]  # source, cut, codec


@dataclass(frozen=True)
class EncodedFrame:
    """A frame as it is sent, or would be. `frame` is what the device calls it; empty where no other can be
    coded against it.
    """

    cut: str
    codec: str
    grid: Grid
    payloads: Mapping[str, bytes]
    reference: bytes = b""  # empty: a key frame
    frame: str = ""
    sent: Frame = field(default_factory=dict)
    key_size: int = 0  # of the last key frame: what the next is likely to have
    source: str = ""  # the camera that it is of
    coding: int = 0  # the number of cut and codec; 0: a request names them

    @property
    def stream(self) -> _Key:
        """Within it, frames are coded against each other."""
        return self.source, self.cut, self.codec

    @property
    def size(self) -> int:
        """Bytes of payloads, and of what says what they were made against."""
        return sum(map(len, self.payloads.values())) + len(self.reference)

    def message(self) -> pb.Features:
        """As a request holds it."""
        rows, columns = self.grid
        features = pb.Features(rows=rows, columns=columns, reference=self.reference, coding=self.coding)
        if self.coding:
            features.payloads.extend(pb.Payload(data=data) for data in self.payloads.values())
        else:
            features.cut, features.codec = self.cut, self.codec
            features.payloads.extend(pb.Payload(name=name, data=data) for name, data in self.payloads.items())
        return features


@dataclass
class _Trust:
    """How long a cloud that does not keep its frames, for want of room, is sent nothing that was coded
    against one.
    """

    losses: int = 0  # in a row
    waiting: int = 0  # key frames

    def lost(self) -> None:
        """The first time it may have been started anew; from then on, twice as many key frames each time."""
        self.losses = min(self.losses + 1, _MAX_LOSSES)
        self.waiting = 2**self.losses - 2

    def kept(self, against: bytes) -> None:
        """A frame was answered, a key frame or one that was coded against another."""
        self.losses, self.waiting = (0, 0) if against else (self.losses, max(0, self.waiting - 1))


@dataclass
class _Stream:
    """The last frame that the cloud has of a source by a cut and codec, and how far it is trusted to keep
    it.
    """

    latest: EncodedFrame | None = None
    trust: _Trust = field(default_factory=_Trust)


class FrameCoder:
    """What is sent of one camera after another; may be used from several threads."""

    def __init__(self, bundle: Bundle, encoders: FeatureEncoders) -> None:
        self._bundle, self._manifest, self._encoders = bundle.digest, bundle.manifest, encoders
        self._streams: OrderedDict[_Key, _Stream] = OrderedDict()  # that which changed last, last
        self._lock = Lock()

    def warm(self) -> None:
        """Code a blank boundary of every cut by its first codec of each kind: what the first frame of a
        process would wait for otherwise. Raises as `encode`.
        """
        for cut in self._manifest.cuts:
            blank = {spec.name: np.zeros((1, *spec.shape), np.float32) for spec in cut.boundary}
            first = {codec.kind(spec): spec.name for spec in reversed(cut.codecs)}
            for name in first.values():
                self.encode(cut.name, name, blank, ONE_TILE, key_frame=True)

    def encode(
        self,
        cut: str,
        name: str,
        boundary: Mapping[str, codec.Floats],
        grid: Grid,
        *,
        source: str = "",
        key_frame: bool = False,
    ) -> EncodedFrame:
        """A cut's boundary, tensors (tiles, ...), coded against the last frame of the same `source`;
        `key_frame`: against no other. Raises UnknownName, BundleDamaged or PayloadError.
        """
        coder = self._encoders.coder(cut, name)
        if not isinstance(coder, codec.FrameCodec):
            payloads = self._encoders.encode(cut, name, boundary)
            return EncodedFrame(cut, name, grid, payloads, source=source, coding=self._number(cut, name))
        finer = self._encoders.codes(cut, name, boundary, coder.finer_feed)
        known = None if key_frame else self._latest((source, cut, name))
        changed = self._changed(coder, finer, known) if known and known.grid == grid else None
        if changed and _SURELY * changed.size < changed.key_size:
            return changed
        sent = coder.frame_of_finer(finer)
        payloads = coder.pack(sent)
        key = EncodedFrame(
            cut,
            name,
            grid,
            payloads,
            b"",
            self._digest(cut, name, grid, sent),
            sent,
            sum(map(len, payloads.values())),
            source,
            self._number(cut, name),
        )
        return changed if changed and changed.size < key.size else key

    def codes_changes(self, cut: str, name: str) -> bool:
        """Whether a codec codes one frame against another. Raises UnknownName or BundleDamaged."""
        return isinstance(self._encoders.coder(cut, name), codec.FrameCodec)

    def _changed(
        self, coder: codec.FrameCodec, finer: Mapping[str, codec.Codes], known: EncodedFrame
    ) -> EncodedFrame:
        cut, name, grid = known.cut, known.codec, known.grid
        sent = coder.frame_of_finer(finer, known.sent)
        frame = self._digest(cut, name, grid, sent)
        return EncodedFrame(
            cut,
            name,
            grid,
            coder.pack(sent, known.sent),
            frames.reference_to(known.frame, frame),
            frame,
            sent,
            known.key_size,
            known.source,
            known.coding,
        )

    def _latest(self, key: _Key) -> EncodedFrame | None:
        with self._lock:
            stream = self._streams.get(key)
            return None if stream is None or stream.trust.waiting else stream.latest

    def acknowledge(self, coded: EncodedFrame, frame: str) -> None:
        """The cloud answered, and calls the frame so, by the beginning of its digest: if it says what the
        device says, the next may be coded against it.
        """
        with self._lock:
            stream = self._changed_stream(coded)
            stream.trust.kept(against=coded.reference)
            stream.latest = coded if frame and coded.frame.startswith(frame) else None

    def forget(self, coded: EncodedFrame) -> None:
        """The cloud has not what a frame was coded against: the next one is a key frame, and more of them
        each time that happens again.
        """
        with self._lock:
            stream = self._changed_stream(coded)
            stream.trust.lost()
            stream.latest = None

    def _changed_stream(self, coded: EncodedFrame) -> _Stream:
        """That of a frame; the one that has not changed for longest is dropped where there are many."""
        stream = self._streams.setdefault(coded.stream, _Stream())
        self._streams.move_to_end(coded.stream)
        if len(self._streams) > _MAX_STREAMS:
            self._streams.popitem(last=False)
        return stream

    def _number(self, cut: str, name: str) -> int:
        return coding_number(self._manifest, cut, name)

    def _digest(self, cut: str, name: str, grid: Grid, sent: Frame) -> str:
        return frames.frame_digest(self._bundle, cut, name, grid, frames.sent_bytes(sent))
