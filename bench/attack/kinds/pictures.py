"""Pictures that cost much to decode, or claim to."""

from abc import abstractmethod
from typing import ClassVar

from bench.attack.attacker import CallingAttacker, Target
from bench.attack.inputs import pictures
from protos import inference_pb2 as ip


class _PictureAttacker(CallingAttacker):
    at_once: ClassVar[int] = 4

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._message = target.altered(picture=ip.Picture(data=self.picture()))

    @abstractmethod
    def picture(self) -> bytes:
        """The file."""

    def message(self) -> bytes:
        return self._message


class EndlessScans(_PictureAttacker):
    name = "endless-scans"
    words = "a progressive JPEG of 65,338 scans, nearly all of them empty"
    pause = 0.2

    def picture(self) -> bytes:
        return pictures.endless_jpeg(scans=65_338)


class HugeWebp(_PictureAttacker):
    name = "huge-webp"
    words = "a WebP of 34 bytes that claims 16,384 x 16,384 pixels"

    def picture(self) -> bytes:
        return pictures.huge_webp()


class LongPng(_PictureAttacker):
    name = "long-png"
    words = "a PNG that claims 1 x 40,000,000 pixels"

    def picture(self) -> bytes:
        return pictures.png_of(1, 40_000_000)


class TiledTiff(_PictureAttacker):
    name = "tiled-tiff"
    words = "a TIFF of 64 x 64 pixels in one tile of 16,384 x 16,384"

    def picture(self) -> bytes:
        return pictures.tiled_tiff()


class LargestPicture(_PictureAttacker):
    name = "largest-picture"
    words = "an honest WebP of 4096 x 4096 pixels, which takes longest of all that is accepted"

    def picture(self) -> bytes:
        return pictures.costliest_webp()
