"""The picture formats that a device may upload, and the qualities and sizes of each that a split tries.

A format is one line here: the device encodes it, the splitter measures it, the cloud accepts it.
"""

from dataclasses import dataclass
from typing import NamedTuple

_SCALED = "x"  # in a route, before the scale


@dataclass(frozen=True)
class UploadFormat:
    """One format, by the names that manifests and routes, OpenCV and Pillow have for it."""

    name: str
    opencv_quality: str
    pillow: str
    qualities: tuple[int, ...]  # that a split tries, the best first
    opencv_options: tuple[tuple[str, int], ...] = ()  # beside the quality: the smallest file in little time
    scales: tuple[float, ...] = (1.0,)  # of the model's own sides, that a split tries

    def opencv_flags(self, quality: int) -> list[tuple[str, int]]:
        """OpenCV's name and value of each option."""
        return [(self.opencv_quality, quality), *self.opencv_options]


class Coding(NamedTuple):
    """How a picture becomes a file: as routes have it, `webp-50`, or `webp-50x0.5` at half of its sides."""

    format: str
    quality: int
    scale: float = 1.0

    def __str__(self) -> str:
        return f"{self.format}-{self.quality}" + (f"{_SCALED}{self.scale:g}" if self.scale != 1 else "")

    @classmethod
    def parse(cls, text: str) -> "Coding":
        """Raises ValueError for what is none."""
        name, _, rest = text.partition("-")
        quality, _, scale = rest.partition(_SCALED)
        return cls(name, int(quality), float(scale or 1))

    def sides(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the file."""
        return max(1, round(self.scale * height)), max(1, round(self.scale * width))


UPLOAD_FORMATS = {
    kind.name: kind
    for kind in (
        UploadFormat(
            "jpeg", "IMWRITE_JPEG_QUALITY", "JPEG", (95, 75, 50, 30), (("IMWRITE_JPEG_OPTIMIZE", 1),)
        ),
        UploadFormat("webp", "IMWRITE_WEBP_QUALITY", "WEBP", (80, 50, 30, 15), scales=(1.0, 0.5)),
        # at OpenCV's own speed: a slower one saves a twentieth, and takes several times as long
        UploadFormat("avif", "IMWRITE_AVIF_QUALITY", "AVIF", (75, 50, 30), scales=(1.0, 0.5)),
    )
}
