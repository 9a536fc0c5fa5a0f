"""What a split is calibrated and measured on, prepared as the model takes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from protos.pictures.tiles import Grid, spans
from splitter.evaluate.preprocessor import Preprocessor
from splitter.evaluate.subjects import Image, Subject


@dataclass(frozen=True)
class EvaluationSet:
    """A subject, and what the checkpoint's own processor makes of its pictures."""

    subject: Subject
    preprocessor: Preprocessor

    @cached_property
    def held_out(self) -> NDArray[np.float32]:
        """The held-out pictures as the first piece takes them: (tiles of all, 3, h, w)."""
        return self.preprocessor.pixels(self.subject.pictures)

    @cached_property
    def grids(self) -> list[Grid]:
        """The tiles of each held-out picture; they lie one after another in `held_out`, as `spans` says."""
        return [self.preprocessor.grid(picture) for picture in self.subject.pictures]

    @property
    def mean_tiles(self) -> float:
        """How many tiles a held-out picture has on average."""
        return mean(grid.tiles for grid in self.grids)

    @cached_property
    def spans(self) -> list[slice]:
        """Where the tiles of each held-out picture lie."""
        return spans(self.grids)

    @cached_property
    def resized(self) -> list[Image]:
        """The held-out pictures at the model's resolution, before rescaling: what an upload would send."""
        return self.preprocessor.resized(self.subject.pictures)

    @property
    def questions(self) -> Sequence[str]:
        """The different questions that are asked, whatever the picture."""
        return list(dict.fromkeys(question.text for _, question in self.subject.questions))

    def calibration(self, max_pictures: int) -> NDArray[np.float32]:
        """The first so many calibration pictures, or all there are, as the first piece takes them."""
        return self.preprocessor.pixels(self.subject.calibration[:max_pictures])
