"""The rival: pictures as files, each format, size and quality that a split tries, and what becomes an arm."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

import cv2
import numpy as np

from protos.pictures.upload_formats import UPLOAD_FORMATS, Coding
from splitter.evaluate.subjects import Image

BARS = (0.0, 1.0, 3.0)  # points that may be lost: for each, the smallest file becomes an arm
_SMALLER = 2  # qualities that are tried of a smaller picture: coarser ones lose what both save
QUICK = "jpeg"  # encoded in a fraction of a millisecond: what wins where the link is fast


class Tried(Protocol):
    """What is known of an upload that was measured."""

    @property
    def mean_bytes(self) -> float: ...

    @property
    def sure_loss(self) -> float:
        """Points below the whole model, beyond noise."""


_Tried = TypeVar("_Tried", bound=Tried)


def curves() -> Iterator[list[Coding]]:
    """Every format at every size, the best quality first; of what this OpenCV can encode."""
    for kind in UPLOAD_FORMATS.values():
        if cv2.haveImageWriter(f".{kind.name}"):
            for scale in kind.scales:
                tried = kind.qualities if scale == 1 else kind.qualities[:_SMALLER]
                yield [Coding(kind.name, quality, scale) for quality in tried]


def encode(image: Image, coding: Coding) -> bytes:
    """A picture at the model's size, RGB (h, w, 3), as the file that a device would send."""
    height, width = coding.sides(*image.shape[:2])
    if coding.scale != 1:
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    options = UPLOAD_FORMATS[coding.format].opencv_flags(coding.quality)
    flags = [number for name, value in options for number in (getattr(cv2, name), value)]
    return cv2.imencode(f".{coding.format}", np.ascontiguousarray(image[..., ::-1]), flags)[1].tobytes()


def decode(data: bytes) -> Image:
    """The picture in a file, RGB (h, w, 3)."""
    decoded = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])


def chosen(tried: Mapping[Coding, _Tried]) -> list[Coding]:
    """Those of the front of bytes against loss that become arms: for each bar the smallest file that loses no
    more, or the most faithful where none does; and of the quick format the smallest within a point.
    """
    quick = {coding: one for coding, one in tried.items() if coding.format == QUICK}
    picked = [_smallest(tried, bar) for bar in BARS]
    if quick:
        picked.append(_smallest(quick, 1.0))
    return sorted(set(picked), key=lambda coding: -tried[coding].mean_bytes)


def _smallest(tried: Mapping[Coding, _Tried], bar: float) -> Coding:
    good: Sequence[Coding] = [coding for coding, one in tried.items() if one.sure_loss <= bar]
    if good:
        return min(good, key=lambda coding: tried[coding].mean_bytes)
    return min(tried, key=lambda coding: (tried[coding].sure_loss, tried[coding].mean_bytes))
