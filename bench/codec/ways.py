"""The ways to send a picture that a bench compares: the codecs of every cut, and uploads."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.codec.halves import Boundary, Cloud, Device, Seen
from bench.codec.uploads import Upload, every_upload
from protos import bundle_pb2
from protos import codec as wire
from protos import inference_pb2 as pb
from protos.bundle import Bundle
from splitter.evaluate.subjects import GENERIC

Payloads = Mapping[str, bytes]
QUESTION = GENERIC[1]
_PICTURE = "picture"


class Way(Protocol):
    """One way to send, for every picture of an exam."""

    @property
    def name(self) -> str:
        """As `isthmus ask --route` has it."""

    @property
    def curve(self) -> str:
        """What ways that differ in their rate alone have in common."""

    @property
    def cut(self) -> str:
        """Empty for an upload."""

    def encode(self, index: int) -> Payloads:
        """What is sent of a picture; its boundary has been reached already."""

    def decode(self, index: int, payloads: Payloads) -> object:
        """What the tail or the processor takes."""

    def seen(self, sent: Sequence[Payloads]) -> Seen:
        """Image tokens of what was sent of every picture, in order."""

    def bare(self, payloads: Payloads) -> int:
        """Bytes without what a fixed container could leave out."""

    def fill(self, request: pb.InferRequest, index: int, payloads: Payloads) -> None:
        """Put what is sent of a picture into a request."""


@dataclass(frozen=True)
class Features:
    """A codec of a cut."""

    device: Device
    cloud: Cloud
    cut: str
    spec: bundle_pb2.Codec

    @property
    def name(self) -> str:
        return f"split@{self.cut}/{self.spec.name}"

    @property
    def curve(self) -> str:
        return f"{self.cut} {wire.kind(self.spec)}"

    def encode(self, index: int) -> Payloads:
        return self.device.senders.encode(self.cut, self.spec.name, self.device.boundary(self.cut, index))

    def decode(self, index: int, payloads: Payloads) -> Boundary:
        return self.cloud.decode(self.cut, self.spec.name, payloads, self.device.grid(index))

    def seen(self, sent: Sequence[Payloads]) -> Seen:
        grids = [self.device.grid(index) for index in range(len(sent))]
        return self.cloud.enter(
            self.cut, [self.decode(index, payloads) for index, payloads in enumerate(sent)], grids
        )

    def bare(self, payloads: Payloads) -> int:
        return size(payloads)

    def fill(self, request: pb.InferRequest, index: int, payloads: Payloads) -> None:
        request.features.cut, request.features.codec = self.cut, self.spec.name
        request.features.rows, request.features.columns = self.device.grid(index)
        request.features.payloads.extend(pb.Payload(name=name, data=data) for name, data in payloads.items())


@dataclass(frozen=True)
class Picture:
    """A picture through a picture codec, at the model's own resolution or a smaller one."""

    device: Device
    cloud: Cloud
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

    def seen(self, sent: Sequence[Payloads]) -> Seen:
        return self.cloud.see([self.upload.decode(payloads[_PICTURE]) for payloads in sent])

    def bare(self, payloads: Payloads) -> int:
        return self.upload.bare(payloads[_PICTURE])

    def fill(self, request: pb.InferRequest, _index: int, payloads: Payloads) -> None:
        request.picture.data = payloads[_PICTURE]


def every_way(bundle: Bundle, device: Callable[[str], Device], cloud: Cloud) -> Iterator[Way]:
    """The codecs cut by cut, then the uploads. `device` gives that of a cut; of no cut, that which
    uploads.
    """
    for cut in bundle.manifest.cuts:
        for spec in cut.codecs:
            yield Features(device(cut.name), cloud, cut.name, spec)
    for upload in every_upload():
        yield Picture(device(""), cloud, upload)


def size(payloads: Payloads) -> int:
    """Bytes of payload, with what each tensor's own header takes."""
    return sum(map(len, payloads.values()))


def request_size(bundle: Bundle, way: Way, index: int, payloads: Payloads) -> int:
    """Bytes of the whole request message, with an id, the bundle's digest and a short question."""
    request = pb.InferRequest(id="0" * 8, bundle=bundle.digest, question=QUESTION)
    way.fill(request, index, payloads)
    return request.ByteSize()
