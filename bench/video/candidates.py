"""The candidates that send a clip: features of key frames, features coded between frames, MJPEG, H.264."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.codec.candidates.candidate import QUESTION
from bench.codec.candidates.cloud_half import CloudHalf
from bench.codec.candidates.device_half import DeviceHalf
from bench.codec.candidates.tensors import Boundary, ImageTokens, by_tiles
from bench.codec.candidates.uploads import Upload
from bench.video.clips import RATE
from bench.video.h264 import CRFS, H264, PRESETS
from edge.upload.frame_coder import FrameCoder
from protos import bundle_pb2 as pb
from protos import codec as wire
from protos import inference_pb2 as ip
from protos.bundle import Bundle
from protos.features import coding_number
from protos.limits import CLIENT_SECRET_BYTES
from protos.pictures.frames import frame_digest, sent_bytes
from protos.pictures.tiles import ONE_TILE
from splitter.evaluate.subjects import Image

KEY_FRAMES, REFERENCES, MJPEG, AVC = "features, key frames", "features, references", "MJPEG", "H.264"
GROUPS = (REFERENCES, KEY_FRAMES, AVC, MJPEG)
QUALITIES = (95, 85, 75, 60, 50, 35, 25, 15)

RoundTrip = Callable[[Sequence[Image]], tuple[list[int], list[Image]]]  # frames: bytes of each, and decoded


@dataclass(frozen=True)
class ClipBatch:
    """Clips on one device: the frames of each by index, and the frames that are asked about."""

    device: DeviceHalf
    clips: Sequence[range]
    asked: Sequence[int]


class VideoCandidate(Protocol):
    """One way to send clips."""

    @property
    def name(self) -> str: ...

    @property
    def group(self) -> str:
        """One of GROUPS."""

    @property
    def curve(self) -> str:
        """The rate-distortion curve: candidates that differ in their rate alone share it."""

    def send(self, batch: ClipBatch) -> tuple[list[int], ImageTokens]:
        """Bytes of every frame, and the image tokens of those that are asked about."""


@dataclass(frozen=True)
class FeatureStream:
    """A codec of a cut; with `references` each frame is coded against the last one that the cloud has, where
    that is shorter.
    """

    bundle: Bundle
    cloud: CloudHalf
    cut: str
    spec: pb.Codec
    references: bool

    @property
    def name(self) -> str:
        return f"split@{self.cut}/{self.spec.name}{', references' if self.references else ''}"

    @property
    def group(self) -> str:
        return REFERENCES if self.references else KEY_FRAMES

    @property
    def curve(self) -> str:
        return self.cut

    def send(self, batch: ClipBatch) -> tuple[list[int], ImageTokens]:
        sizes, boundaries = list[int](), dict[int, Boundary]()
        for clip in batch.clips:
            for index, size, boundary in self._send(batch.device, clip):
                sizes.append(size)
                boundaries[index] = boundary
        return sizes, self.cloud.enter(self.cut, [boundaries[index] for index in batch.asked])

    def _send(self, device: DeviceHalf, clip: range) -> Iterator[tuple[int, int, Boundary]]:
        """Index, bytes and decoded boundary of each frame of a clip."""
        codec = self.cloud.decoder(self.cut, self.spec.name)
        coder, last = FrameCoder(self.bundle, device.encoders), None
        for index in clip:
            coded = coder.encode(self.cut, self.spec.name, device.boundary(self.cut, index), ONE_TILE)
            tensors, last = codec.receive(coded.payloads, 1, last if coded.reference else None)
            if self.references and last is not None:
                sent = sent_bytes(last)
                digest = frame_digest(self.bundle.digest, self.cut, self.spec.name, ONE_TILE, sent)
                coder.acknowledge(coded, digest)
            yield index, coded.size, by_tiles(tensors)


@dataclass(frozen=True)
class PictureStream:
    """Frames that are encoded and decoded as pictures, clip by clip."""

    cloud: CloudHalf
    name: str
    group: str
    curve: str
    round_trip: RoundTrip

    def send(self, batch: ClipBatch) -> tuple[list[int], ImageTokens]:
        sizes, decoded = list[int](), dict[int, Image]()
        for clip in batch.clips:
            taken, frames = self.round_trip([batch.device.resized[index] for index in clip])
            sizes += taken
            decoded |= dict(zip(clip, frames, strict=True))
        return sizes, self.cloud.encode_images([decoded[index] for index in batch.asked])


def every_candidate(bundle: Bundle, cloud: CloudHalf) -> Iterator[VideoCandidate]:
    """The codecs that can code between frames, cut by cut, and pictures."""
    for cut in bundle.manifest.cuts:
        for spec in cut.codecs:
            if isinstance(cloud.decoder(cut.name, spec.name), wire.FrameCodec):
                yield FeatureStream(bundle, cloud, cut.name, spec, references=False)
                yield FeatureStream(bundle, cloud, cut.name, spec, references=True)
    for quality in QUALITIES:
        yield PictureStream(cloud, f"MJPEG q{quality}", MJPEG, MJPEG, _jpegs(Upload("jpeg", quality)))
    for preset in PRESETS:
        for crf in CRFS:
            name, encoder = f"H.264 {preset} crf {crf}", H264(preset, crf, RATE)
            yield PictureStream(cloud, name, AVC, f"{AVC} {preset}", encoder.round_trip)


def _jpegs(upload: Upload) -> RoundTrip:
    def round_trip(frames: Sequence[Image]) -> tuple[list[int], list[Image]]:
        files = [upload.encode(frame) for frame in frames]
        return [len(file) for file in files], [upload.decode(file) for file in files]

    return round_trip


def overhead(bundle: Bundle) -> int:
    """Bytes of a request beside its payloads and references: an id, the bundle's digest, a short question,
    names.
    """
    cut = bundle.manifest.cuts[-1]
    coding = coding_number(bundle.manifest, cut.name, cut.codecs[0].name)
    features = ip.Features(coding=coding, payloads=[ip.Payload()] * len(cut.boundary))
    secret = bytes(CLIENT_SECRET_BYTES)
    return ip.InferRequest(
        id="0" * 8,
        bundle=bundle.id,
        question=QUESTION,
        features=features,
        client_secret=secret,
    ).ByteSize()
