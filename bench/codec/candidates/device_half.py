"""The device's half of a bundle: preprocessing, the head and the feature encoders."""

from collections.abc import Sequence
from functools import cached_property

from bench.codec.candidates.tensors import Boundary
from edge.models.head import Head, HeadOutput
from edge.pictures.preprocess import Preprocessor
from edge.upload.feature_encoders import FeatureEncoders
from protos.bundle import Bundle
from protos.pictures.tiles import Grid
from splitter.evaluate.subjects import Image


class DeviceHalf:
    """One picture at a time and one thread, as on a device; each part is loaded when it is first used."""

    def __init__(self, bundle: Bundle, pictures: Sequence[Image]) -> None:
        self._bundle, self._pictures = bundle, pictures
        self._outputs: list[HeadOutput] = []

    @cached_property
    def resized(self) -> list[Image]:
        """The pictures at the model's own resolution: what an upload encodes."""
        return [self._preprocessor.resize(picture) for picture in self._pictures]

    @cached_property
    def encoders(self) -> FeatureEncoders:
        return FeatureEncoders(self._bundle)

    def boundary(self, cut: str, index: int) -> Boundary:
        """What crosses a cut, tensors (tiles, ...), of one picture. All pictures are run to a cut together,
        and only the last cut's outputs are kept.
        """
        if not self._outputs or self._outputs[0].cut != cut:
            before: Sequence[HeadOutput | None] = self._outputs or [None] * len(self._pictures)
            self._outputs = [
                self._run(image, cut, output) for image, output in zip(self.resized, before, strict=True)
            ]
        return self._outputs[index].boundary

    def grid(self, index: int) -> Grid:
        """The tiles that a picture becomes."""
        return self._preprocessor.grid(self.resized[index])

    def _run(self, image: Image, cut: str, before: HeadOutput | None) -> HeadOutput:
        return self._head.run(self._preprocessor.pixels(image), cut, before)

    @cached_property
    def _preprocessor(self) -> Preprocessor:
        return Preprocessor(self._bundle.manifest.preprocessing)

    @cached_property
    def _head(self) -> Head:
        return Head(self._bundle)
