"""What every codec does, and what those do besides that code a frame against an earlier one."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from protos import bundle_pb2 as pb
from protos.arrays import Floats
from protos.codec.payload import Codes, Frame
from protos.errors import BundleDamaged, PayloadError

Find = Callable[[str], Path]  # a bundle's path -> the file's place, as Bundle.file
Stored = Mapping[str, NDArray[np.generic]]


class Codec(ABC):
    """One codec of a cut: codes to payloads on the device, payloads to boundary tensors in the cloud.

    A codec's encoder (an ONNX graph, run by the device) turns a boundary into codes; `feed` is what it takes
    beside the boundary. Shapes and limits come from the manifest, never from the sender.
    """

    name: ClassVar[str]  # of the kind; its levels have names of their own
    feed: Mapping[str, Floats] = MappingProxyType({})

    @classmethod
    @abstractmethod
    def sender(cls, spec: pb.Codec, find: Find) -> Self:
        """The device's half, which can encode only. Raises BundleDamaged for a broken file."""

    @classmethod
    def receiver(cls, spec: pb.Codec, find: Find) -> Self:
        """Both halves. Raises BundleDamaged for a broken file."""
        return cls.sender(spec, find)

    @abstractmethod
    def encode(self, codes: Mapping[str, Codes]) -> dict[str, bytes]:
        """Codes of one picture, each of its manifest shape a tile, to payloads by tensor name.

        Raises PayloadError for others.
        """

    @abstractmethod
    def decode(self, payloads: Mapping[str, bytes], tiles: int = 1) -> dict[str, Floats]:
        """Payloads to boundary tensors (tiles * tokens, width).

        Raises PayloadError or TooLarge for bytes that are not ours.
        """

    def receive(
        self, payloads: Mapping[str, bytes], tiles: int = 1, reference: Frame | None = None
    ) -> tuple[dict[str, Floats], Frame | None]:
        """The same, with the frame that was sent if another may be coded against it.

        Raises PayloadError also for a reference where the codec knows none.
        """
        if reference is not None:
            raise PayloadError(f"codec {self.name} codes no frame against another; send a key frame")
        return self.decode(payloads, tiles), None


class FrameCodec(Codec):
    """A codec that may code a frame against another that the receiver has, as differences."""

    finer_feed: Mapping[str, Floats]  # what the encoder takes for `frame_of_finer`

    @abstractmethod
    def frame_of_finer(self, codes: Mapping[str, Codes], reference: Frame | None = None) -> Frame:
        """What is sent of codes that `finer_feed` gave; codes near the reference's become these.

        Raises PayloadError for others.
        """

    @abstractmethod
    def pack(self, frame: Frame, reference: Frame | None = None) -> dict[str, bytes]:
        """A frame to payloads by tensor; with a reference of the same shapes, to its differences."""

    @abstractmethod
    def unpack(self, payloads: Mapping[str, bytes], tiles: int = 1, reference: Frame | None = None) -> Frame:
        """Payloads to a frame.

        Raises PayloadError or TooLarge for bytes that are not ours, or a reference of another shape.
        """

    @abstractmethod
    def tensors(self, frame: Frame) -> dict[str, Floats]:
        """A frame to boundary tensors (tiles * tokens, width)."""

    def decode(self, payloads: Mapping[str, bytes], tiles: int = 1) -> dict[str, Floats]:
        return self.tensors(self.unpack(payloads, tiles))

    def receive(
        self, payloads: Mapping[str, bytes], tiles: int = 1, reference: Frame | None = None
    ) -> tuple[dict[str, Floats], Frame | None]:
        frame = self.unpack(payloads, tiles, reference)
        return self.tensors(frame), frame


@contextmanager
def reading(path: Path) -> Iterator[Stored]:
    """An .npz, opened without pickle; whatever is wrong with it is a damaged bundle."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            yield stored
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        message = f"{path} does not hold the tables of its codec ({error}); split the model again"
        raise BundleDamaged(message, file=str(path)) from error


def finite(table: NDArray[np.generic]) -> Floats:
    """A table of numbers as float32. Raises ValueError unless all are finite."""
    values = table.astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("a number that is not finite")
    return values
