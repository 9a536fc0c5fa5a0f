"""The candidates that are compared: the codecs of every cut, and uploads."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.codec.candidates.cloud_half import CloudHalf
from bench.codec.candidates.device_half import DeviceHalf
from bench.codec.candidates.tensors import Boundary, ImageTokens
from bench.codec.candidates.uploads import Upload, every_upload
from protos import bundle_pb2
from protos import codec as wire
from protos import inference_pb2 as pb
from protos.bundle import Bundle
from protos.features import coding_number
from protos.limits import CLIENT_SECRET_BYTES
from splitter.evaluate.subjects import GENERIC

Payloads = Mapping[str, bytes]
QUESTION = GENERIC[1]
_PICTURE = "picture"


class Candidate(Protocol):
    """One way to send a picture, for every picture of an evaluation set."""

    @property
    def name(self) -> str:
        """As `isthmus ask --route` has it."""

    @property
    def curve(self) -> str:
        """The rate-distortion curve: candidates that differ in their rate alone share it."""

    @property
    def cut(self) -> str:
        """Empty for an upload."""

    def encode(self, index: int) -> Payloads:
        """What is sent of a picture; its boundary has been computed already."""

    def decode(self, index: int, payloads: Payloads) -> object:
        """What the tail or the processor takes."""

    def image_tokens(self, sent: Sequence[Payloads]) -> ImageTokens:
        """Image tokens of what was sent of every picture, in order."""

    def bare(self, payloads: Payloads) -> int:
        """Bytes without what a fixed container could leave out."""

    def fill(self, request: pb.InferRequest, index: int, payloads: Payloads) -> None:
        """Put what is sent of a picture into a request."""


@dataclass(frozen=True)
class FeatureCandidate:
    """A codec of a cut."""

    device: DeviceHalf
    cloud: CloudHalf
    cut: str
    spec: bundle_pb2.Codec

    @property
    def name(self) -> str:
        return f"split@{self.cut}/{self.spec.name}"

    @property
    def curve(self) -> str:
        return f"{self.cut} {wire.kind(self.spec)}"

    def encode(self, index: int) -> Payloads:
        return self.device.encoders.encode(self.cut, self.spec.name, self.device.boundary(self.cut, index))

    def decode(self, index: int, payloads: Payloads) -> Boundary:
        return self.cloud.decode(self.cut, self.spec.name, payloads, self.device.grid(index))

    def image_tokens(self, sent: Sequence[Payloads]) -> ImageTokens:
        grids = [self.device.grid(index) for index in range(len(sent))]
        boundaries = [self.decode(index, payloads) for index, payloads in enumerate(sent)]
        return self.cloud.enter(self.cut, boundaries, grids)

    def bare(self, payloads: Payloads) -> int:
        return payload_size(payloads)

    def fill(self, request: pb.InferRequest, index: int, payloads: Payloads) -> None:
        request.features.coding = coding_number(self.cloud.manifest, self.cut, self.spec.name)
        request.features.rows, request.features.columns = self.device.grid(index)
        request.features.payloads.extend(pb.Payload(data=data) for data in payloads.values())


@dataclass(frozen=True)
class PictureCandidate:
    """A picture through a picture codec, at the model's own resolution or a smaller one."""

    device: DeviceHalf
    cloud: CloudHalf
    upload: Upload
    cut: str = ""

    @property
    def name(self) -> str:
        return self.upload.name

    @property
    def curve(self) -> str:
        return self.upload.curve

    def encode(self, index: int) -> Payloads:
        return {_PICTURE: self.upload.encode(self.device.resized[index])}

    def decode(self, _index: int, payloads: Payloads) -> object:
        return self.upload.decode(payloads[_PICTURE])

    def image_tokens(self, sent: Sequence[Payloads]) -> ImageTokens:
        return self.cloud.encode_images([self.upload.decode(payloads[_PICTURE]) for payloads in sent])

    def bare(self, payloads: Payloads) -> int:
        return self.upload.bare(payloads[_PICTURE])

    def fill(self, request: pb.InferRequest, _index: int, payloads: Payloads) -> None:
        request.picture.data = payloads[_PICTURE]


def every_candidate(
    bundle: Bundle, device: Callable[[str], DeviceHalf], cloud: CloudHalf
) -> Iterator[Candidate]:
    """The codecs cut by cut, then the uploads. `device` gives the half that runs to a cut; of no cut, the one
    that uploads.
    """
    for cut in bundle.manifest.cuts:
        for spec in cut.codecs:
            yield FeatureCandidate(device(cut.name), cloud, cut.name, spec)
    for upload in every_upload():
        yield PictureCandidate(device(""), cloud, upload)


def payload_size(payloads: Payloads) -> int:
    """Bytes of payload, each tensor's own header included."""
    return sum(map(len, payloads.values()))


def request_size(bundle: Bundle, candidate: Candidate, index: int, payloads: Payloads) -> int:
    """Bytes of the whole request message, with an id, the bundle's digest and a short question."""
    secret = bytes(CLIENT_SECRET_BYTES)
    request = pb.InferRequest(id="0" * 8, bundle=bundle.id, question=QUESTION, client_secret=secret)
    candidate.fill(request, index, payloads)
    return request.ByteSize()
