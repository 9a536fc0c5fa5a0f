"""A small random checkpoint with the bundle that the real splitter makes of it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from protos.bundle import PICTURE_CUT, Bundle
from splitter.families import (
    Family,
    Generative,
    Processor,
    advance,
    cut_names,
    enter,
    family_of,
    generative,
    walk,
)
from splitter.families.loading import load_model, load_processor
from splitter.nano.scenes import picture
from splitter.recipe import Options
from splitter.silence import silence_libraries
from splitter.split import split


@dataclass(frozen=True)
class MadeOnce(ABC):
    """A checkpoint folder and what is split from it, once for all who ask."""

    folder: Path
    photos: Path
    output: Path

    @property
    @abstractmethod
    def family(self) -> Family: ...

    @abstractmethod
    def options(self, cuts: tuple[str, ...]) -> Options:
        """How it is split, at all its cuts."""

    @cached_property
    def model(self) -> Any:
        return load_model(self.folder)

    @cached_property
    def processor(self) -> Processor:
        return load_processor(self.folder)

    @cached_property
    def bundle(self) -> Bundle:
        options = self.options(tuple(cut_names(self.family, self.model)))
        with FileLock(f"{self.output}.lock"), silence_libraries():
            return split(options, self.output, say=lambda _: None)

    @cached_property
    def pixels(self) -> torch.Tensor:
        return self.family.pixels(self.processor, [picture(5).image, picture(6).image])


class Made(MadeOnce):
    """Of a family that answers questions."""

    @cached_property
    def family(self) -> Generative:
        return generative(family_of(self.model.config))

    def options(self, cuts: tuple[str, ...]) -> Options:
        return Options(self.folder, cuts, self.photos, calibration_pictures=6, report_pictures=2)


def check_boarding(family: Family, model: Any, pixels: torch.Tensor, other: torch.Tensor) -> None:
    """A picture goes from cut to cut, and at every one the other boards, as it was received there: at the end
    each is what it is alone. Both are (tiles, 3, h, w), of any number of tiles.
    """
    received = {PICTURE_CUT: {PICTURE_CUT: other}, **dict(walk(family, model, other))}
    names, rows = [PICTURE_CUT, *cut_names(family, model)], {PICTURE_CUT: pixels}
    for cut, until in pairwise(names):
        rows = {name: torch.cat([rows[name], received[cut][name]]) for name in rows}
        rows = advance(family, model, cut, until, rows)
    (tokens,) = rows.values()
    first, *boarded = torch.split(tokens, [len(pixels), *[len(other)] * (len(names) - 1)])
    alone, other_alone = (enter(family, model, PICTURE_CUT, {PICTURE_CUT: one}) for one in (pixels, other))
    torch.testing.assert_close(first, alone, atol=1e-5, rtol=0)
    for one in boarded:
        torch.testing.assert_close(one, other_alone, atol=1e-5, rtol=0)
