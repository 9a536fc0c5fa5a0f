"""The ways to send a clip: each frame's features for itself, or against the last one's; MJPEG; H.264."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.codec.halves import Boundary, Cloud, Device, Seen, by_tiles
from bench.codec.uploads import Upload
from bench.codec.ways import QUESTION
from bench.video.clips import RATE
from bench.video.h264 import CRFS, H264, PRESETS
from edge.upload.frame_coder import FrameCoder
from protos import bundle_pb2 as pb
from protos import codec as wire
from protos import inference_pb2 as ip
from protos.bundle import Bundle
from protos.pictures.frames import frame_digest, sent_bytes
from protos.pictures.tiles import ONE_TILE
from splitter.evaluate.subjects import Image

KEYS, REFERENCES, MJPEG, FILM = "features, key frames", "features, references", "MJPEG", "H.264"
GROUPS = (REFERENCES, KEYS, FILM, MJPEG)
QUALITIES = (95, 85, 75, 60, 50, 35, 25, 15)


@dataclass(frozen=True)
class Shots:
    """Clips on one device: frames of all of them by index, and which of these are asked about."""

    device: Device
    clips: Sequence[range]
    asked: Sequence[int]


class Way(Protocol):
    """One way to send clips."""

    @property
    def name(self) -> str: ...

    @property
    def group(self) -> str:
        """One of GROUPS."""

    @property
    def curve(self) -> str:
        """What ways that differ in their rate alone have in common."""

    def send(self, shots: Shots) -> tuple[list[int], Seen]:
        """Bytes of every frame, and the image tokens of those that are asked about."""


@dataclass(frozen=True)
class Features:
    """A codec of a cut; with `references` the cloud keeps what it got, and each frame is coded against the
    last where that is shorter.
    """

    bundle: Bundle
    cloud: Cloud
    cut: str
    spec: pb.Codec
    references: bool

    @property
    def name(self) -> str:
        return f"split@{self.cut}/{self.spec.name}{', references' if self.references else ''}"

    @property
    def group(self) -> str:
        return REFERENCES if self.references else KEYS

    @property
    def curve(self) -> str:
        return self.cut

    def send(self, shots: Shots) -> tuple[list[int], Seen]:
        sizes, received = list[int](), dict[int, Boundary]()
        for clip in shots.clips:
            stream, last = FrameCoder(self.bundle, shots.device.senders), None
            for index in clip:
                coded = stream.encode(
                    self.cut, self.spec.name, shots.device.boundary(self.cut, index), ONE_TILE
                )
                tensors, last = self._half.receive(coded.payloads, 1, last if coded.reference else None)
                received[index] = by_tiles(tensors)
                if self.references and last is not None:
                    stream.acknowledge(
                        coded,
                        frame_digest(
                            self.bundle.digest, self.cut, self.spec.name, ONE_TILE, sent_bytes(last)
                        ),
                    )
                sizes.append(coded.size)
        return sizes, self.cloud.enter(self.cut, [received[index] for index in shots.asked])

    @property
    def _half(self) -> wire.Codec:
        return self.cloud.receiver(self.cut, self.spec.name)


@dataclass(frozen=True)
class Pictures:
    """Frames that are coded and decoded as pictures, clip by clip."""

    cloud: Cloud
    name: str
    group: str
    curve: str
    through: Callable[
        [Sequence[Image]], tuple[list[int], list[Image]]
    ]  # frames to bytes of each, and frames again

    def send(self, shots: Shots) -> tuple[list[int], Seen]:
        sizes, seen = list[int](), dict[int, Image]()
        for clip in shots.clips:
            taken, frames = self.through([shots.device.resized[index] for index in clip])
            sizes += taken
            seen |= dict(zip(clip, frames, strict=True))
        return sizes, self.cloud.see([seen[index] for index in shots.asked])


def every_way(bundle: Bundle, cloud: Cloud) -> Iterator[Way]:
    """The codecs that know differences, cut by cut, and pictures."""
    for cut in bundle.manifest.cuts:
        for spec in cut.codecs:
            if isinstance(cloud.receiver(cut.name, spec.name), wire.FrameCodec):
                yield Features(bundle, cloud, cut.name, spec, references=False)
                yield Features(bundle, cloud, cut.name, spec, references=True)
    for quality in QUALITIES:
        yield Pictures(cloud, f"MJPEG q{quality}", MJPEG, MJPEG, _jpegs(Upload("jpeg", quality)))
    for preset in PRESETS:
        for crf in CRFS:
            yield Pictures(
                cloud, f"H.264 {preset} crf {crf}", FILM, f"{FILM} {preset}", H264(preset, crf, RATE).through
            )


def _jpegs(upload: Upload) -> Callable[[Sequence[Image]], tuple[list[int], list[Image]]]:
    def through(frames: Sequence[Image]) -> tuple[list[int], list[Image]]:
        files = [upload.encode(frame) for frame in frames]
        return [len(file) for file in files], [upload.decode(file) for file in files]

    return through


def overhead(bundle: Bundle) -> int:
    """Bytes of a request beside its payloads and what they refer to: an id, the bundle's digest, a short
    question, names.
    """
    cut = bundle.manifest.cuts[-1]
    tensors = [ip.Payload(name=tensor.name) for tensor in cut.boundary]
    features = ip.Features(cut=cut.name, codec=cut.codecs[0].name, payloads=tensors)
    return ip.InferRequest(id="0" * 8, bundle=bundle.digest, question=QUESTION, features=features).ByteSize()
