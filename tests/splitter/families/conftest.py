"""One small random checkpoint of each family, split once at every cut by the real splitter."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from filelock import FileLock

from protos.bundle import Bundle
from splitter.families import Speaking, cut_names, family_of, speaking
from splitter.families.loading import load_model, load_processor
from splitter.families.processors import Processor
from splitter.nano.scenes import picture
from splitter.quiet import quiet
from splitter.recipe import Options
from splitter.split import split
from tests.sharing import once
from tests.splitter.families.checkpoints import CHECKPOINTS
from tests.splitter.families.dual_checkpoints import DUAL_CHECKPOINTS
from tests.splitter.families.duals import Dual


@dataclass(frozen=True)
class Made:
    """A checkpoint folder and what was split from it."""

    name: str
    folder: Path
    photos: Path
    output: Path

    @cached_property
    def model(self) -> Any:
        return load_model(self.folder)

    @cached_property
    def family(self) -> Speaking:
        return speaking(family_of(self.model.config))

    @cached_property
    def processor(self) -> Processor:
        return load_processor(self.folder)

    @cached_property
    def bundle(self) -> Bundle:
        cuts = tuple(cut_names(self.family, self.model))
        options = Options(self.folder, cuts=cuts, calibration=self.photos, calibration_pictures=6, report_pictures=2)
        with FileLock(f"{self.output}.lock"), quiet():
            return split(options, self.output, say=lambda _: None)

    @cached_property
    def pixels(self) -> torch.Tensor:
        return self.family.pixels(self.processor, [picture(5).image, picture(6).image])


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of odd sizes, wide and tall."""

    def drawn(folder: Path) -> None:
        folder.mkdir()
        for seed in range(9):
            cv2.imwrite(str(folder / f"{seed}.png"), cv2.resize(picture(seed).image, (131 + 17 * seed, 149))[..., ::-1])

    return once(tmp_path_factory, "photos", drawn)


@pytest.fixture(scope="session", params=CHECKPOINTS)
def made(request: pytest.FixtureRequest, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    place = once(tmp_path_factory, request.param, lambda place: CHECKPOINTS[request.param](place / "checkpoint"))
    return Made(request.param, place / "checkpoint", photos, place / "bundle")


@pytest.fixture(scope="session", params=DUAL_CHECKPOINTS)
def dual(request: pytest.FixtureRequest, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Dual:
    place = once(tmp_path_factory, request.param, lambda place: DUAL_CHECKPOINTS[request.param](place / "checkpoint"))
    return Dual(place / "checkpoint", photos, place / "bundle")
