"""A split of the small tower, as far as its precision goes."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from splitter.evaluate.subjects import Image, Subject
from splitter.nano.model import WEIGHTS
from splitter.recipe import Options
from splitter.stages.work import Work
from splitter.storage.parts import Parts
from tests.splitter.quantize.graphs import CUTS, SIDE

Working = Callable[..., "SmallWork"]


class SmallWork(Work):
    """Its pictures are noise, and there is no language model to ask."""

    @cached_property
    def cuts(self) -> list[str]:
        return [name.partition("/")[0] for (name,) in CUTS]

    @cached_property
    def boundaries(self) -> dict[str, list[str]]:
        return dict((name.split("/")[0], [name.split("/")[1]]) for (name,) in CUTS)  # noqa: C402 - two parts of one name

    @cached_property
    def with_language(self) -> bool:
        return False

    @cached_property
    def subject(self) -> Subject:
        noise = np.random.default_rng(7).integers(0, 256, (12, SIDE, SIDE, 3), np.uint8)
        return Subject(list(noise[:8]), list(noise[8:]), [])

    @cached_property
    def held_out(self) -> NDArray[np.float32]:
        return self.pixels(list(self.subject.pictures))

    def pixels(self, pictures: list[Image]) -> NDArray[np.float32]:
        return np.stack([(picture.transpose(2, 0, 1) / 255 - 0.5) / 0.25 for picture in pictures]).astype(
            np.float32
        )


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def working(tmp_path: Path, said: list[str]) -> Working:
    """Called with the options that differ from the usual; called again, it goes on where the first
    stopped.
    """

    def work(**options: Any) -> SmallWork:
        chosen = replace(Options(WEIGHTS), **options)
        return SmallWork(chosen, Parts(tmp_path / "bundle", "recipe"), said.append, lambda *_: None)

    return work
