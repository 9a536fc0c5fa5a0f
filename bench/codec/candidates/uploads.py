"""The baselines: a picture through JPEG, WebP or AVIF, at the model's own resolution or a smaller one."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from splitter.evaluate.subjects import Image

SCALES = (1.0, 0.75, 0.5)
QUALITIES: Mapping[str, Sequence[int]] = {
    "jpeg": (95, 85, 75, 60, 50, 35, 25, 15, 8),
    "webp": (90, 75, 60, 45, 30, 20, 10, 3),
    "avif": (90, 75, 60, 50, 40, 30, 20, 10),
}
# The smallest files in a time that a device may have: a slower AVIF saves less than 1%, and takes five times
# as long.
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "jpeg": {"optimize": True},
    "webp": {"method": 6},
    "avif": {"speed": 6, "max_threads": 1},
}


@dataclass(frozen=True)
class Upload:
    """One format of an upload: quality 1 to 100, sides scaled by `scale` before it is encoded."""

    format: str
    quality: int
    scale: float = 1.0

    @property
    def name(self) -> str:
        return f"upload@{self.format}-{self.quality}{self._size}"

    @property
    def curve(self) -> str:
        """The rate-distortion curve: uploads that differ in quality alone share it."""
        return self.format + self._size

    @property
    def _size(self) -> str:
        return "" if self.scale == 1 else f" x{self.scale:g}"

    def encode(self, picture: Image) -> bytes:
        """A picture (h, w, 3) to a file."""
        image = PillowImage.fromarray(picture)
        if self.scale != 1:
            sides = [max(1, round(side * self.scale)) for side in image.size]
            image = image.resize((sides[0], sides[1]), PillowImage.Resampling.LANCZOS)
        file = io.BytesIO()
        image.save(file, self.format, quality=self.quality, **_OPTIONS[self.format])
        return file.getvalue()

    def decode(self, data: bytes) -> Image:
        """The picture in a file, at its encoded size: the model's processor scales it up."""
        with PillowImage.open(io.BytesIO(data), formats=[self.format]) as image:
            return np.asarray(image.convert("RGB"))

    def bare(self, data: bytes) -> int:
        """Bytes of a file without its container, where a fixed one could be left out: AVIF's."""
        return (
            sum(size for kind, size in _boxes(data) if kind == b"mdat")
            if self.format == "avif"
            else len(data)
        )


def every_upload() -> list[Upload]:
    """From perfect to unusable, at every scale."""
    return [
        Upload(name, quality, scale)
        for name, qualities in QUALITIES.items()
        for scale in SCALES
        for quality in qualities
    ]


def _boxes(data: bytes) -> Iterator[tuple[bytes, int]]:
    """The outermost boxes of a file in ISO's base media format: kind, and bytes of what is in it (ISO/IEC
    14496-12, 4.2).
    """
    place = 0
    while place + 8 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big") or len(data) - place
        yield data[place + 4 : place + 8], size - 8
        place += max(size, 8)
