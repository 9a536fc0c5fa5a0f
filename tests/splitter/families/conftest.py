"""One small random checkpoint of each family, split once at every cut by the real splitter."""

from pathlib import Path

import cv2
import pytest

from splitter.nano.scenes import picture
from tests.sharing import once
from tests.splitter.families.checkpoints import CHECKPOINTS
from tests.splitter.families.dual_checkpoints import DUAL_CHECKPOINTS
from tests.splitter.families.duals import Dual
from tests.splitter.families.made import Made


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of odd sizes, wide and tall."""

    def drawn(folder: Path) -> None:
        folder.mkdir()
        for seed in range(9):
            cv2.imwrite(
                str(folder / f"{seed}.png"),
                cv2.resize(picture(seed).image, (131 + 17 * seed, 149))[..., ::-1],
            )

    return once(tmp_path_factory, "photos", drawn)


@pytest.fixture(scope="session", params=CHECKPOINTS)
def made(request: pytest.FixtureRequest, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    place = once(
        tmp_path_factory, request.param, lambda place: CHECKPOINTS[request.param](place / "checkpoint")
    )
    return Made(place / "checkpoint", photos, place / "bundle")


@pytest.fixture(scope="session", params=DUAL_CHECKPOINTS)
def dual(request: pytest.FixtureRequest, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Dual:
    place = once(
        tmp_path_factory, request.param, lambda place: DUAL_CHECKPOINTS[request.param](place / "checkpoint")
    )
    return Dual(place / "checkpoint", photos, place / "bundle")
