"""Three photos in a folder."""

from pathlib import Path

import cv2
import pytest

from splitter.nano.scenes import picture


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    place = tmp_path / "subject" / "photos"
    place.mkdir(parents=True)
    for seed in range(3):
        cv2.imwrite(str(place / f"{seed}.png"), picture(seed).image)
    return place
