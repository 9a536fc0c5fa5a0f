from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from edge.pictures.files import decode_picture
from protos.errors import CheckpointError
from splitter.evaluate.subjects import AGREEMENT, Image, Subject, fewer, more_scenes, read, scenes, views
from splitter.nano.questions import Question
from tests.edge.pictures.kinds import files


def of(count: int) -> list[Image]:
    return [np.zeros((4, 4, 3), np.uint8) for _ in range(count)]


def subject(calibration: int, pictures: int) -> Subject:
    questions = [
        (index, Question(AGREEMENT, text, ""))
        for index in range(pictures)
        for text in ("what is it?", "where is it?")
    ]
    return Subject(of(calibration), of(pictures), questions)


def test_as_many_pictures_are_kept_as_have_so_many_tiles_together() -> None:
    kept = fewer(subject(10, 7), lambda _: 5, most=24)
    assert (len(kept.calibration), len(kept.pictures)) == (4, 4)


def test_only_questions_about_pictures_that_are_kept_are_asked() -> None:
    kept = fewer(subject(10, 7), lambda _: 5, most=12)
    assert [index for index, _ in kept.questions] == [0, 0, 1, 1]


def test_one_picture_is_kept_however_many_tiles_it_has() -> None:
    kept = fewer(subject(3, 2), lambda _: 100, most=12)
    assert (len(kept.calibration), len(kept.pictures)) == (1, 1)


def test_views_of_pictures_are_never_quite_the_same() -> None:
    rng = np.random.default_rng(0)
    found = list(islice(views([rng.integers(0, 256, (40, 60, 3), np.uint8) for _ in range(3)]), 60))
    assert len({view.tobytes() for view in found}) == 60
    assert all(
        view.dtype == np.uint8 and 22 <= view.shape[0] <= 40 and 33 <= view.shape[1] <= 60 for view in found
    )


def test_views_are_the_same_in_every_run() -> None:
    drawn = scenes(2, 1).calibration
    for one, other in zip(islice(views(drawn), 12), islice(views(drawn), 12), strict=True):
        np.testing.assert_array_equal(one, other)


def test_more_scenes_are_none_that_were_seen() -> None:
    seen, more = scenes(3, 1).calibration, list(islice(more_scenes(3), 2))
    assert not any(np.array_equal(one, other) for one in seen for other in more)


@pytest.mark.parametrize(
    "name", ["PNG RGBA of 8 bits", "PNG grey of 16 bits", "TIFF turned 6", "JPEG turned 5 by XMP element"]
)
def test_a_picture_is_read_as_the_device_reads_it(name: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(files()[name])
    assert np.array_equal(read(path), decode_picture(path.read_bytes()))


def test_a_picture_that_a_device_would_refuse_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lab.tiff"
    path.write_bytes(files()["TIFF LAB LZW"])
    with pytest.raises(CheckpointError, match=r"lab\.tiff is not a picture .*take it out"):
        read(path)
