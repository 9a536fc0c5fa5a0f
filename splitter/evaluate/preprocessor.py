"""A checkpoint's own processor, as a split prepares pictures with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from protos import bundle_pb2 as pb
from protos.errors import CheckpointError
from protos.pictures.sizes import picture_grid
from protos.pictures.tiles import Grid
from splitter.evaluate.subjects import Image
from splitter.families import Family, Processor


@dataclass(frozen=True)
class Preprocessor:
    """`pixel_shape`: channels, height and width of a tile, as the model takes it."""

    family: Family
    processor: Processor
    pixel_shape: tuple[int, int, int]

    @cached_property
    def steps(self) -> pb.Preprocessing:
        """What the processor does, as the manifest says it. Raises CheckpointError where a device could not
        do it.
        """
        return self.family.preprocessing(self.processor)

    def grid(self, picture: Image) -> Grid:
        """The tiles of a picture."""
        return picture_grid(self.steps, picture.shape[0], picture.shape[1])

    def pixels(self, pictures: Sequence[Image]) -> NDArray[np.float32]:
        """Pictures as the first piece takes them: (tiles of all, 3, h, w). Raises CheckpointError where the
        processor is not made for the model.
        """
        made = self.family.pixels(self.processor, pictures).numpy()
        if made.shape[1:] != self.pixel_shape:
            raise CheckpointError(
                f"the processor makes pictures {made.shape[1:]}, the model takes {self.pixel_shape}; mend "
                "preprocessor_config.json"
            )
        return made

    def resized(self, pictures: Sequence[Image]) -> list[Image]:
        """Pictures at the model's resolution, before rescaling: what an upload would send."""
        return self.family.resized(self.processor, pictures)
