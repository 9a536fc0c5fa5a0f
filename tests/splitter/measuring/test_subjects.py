from itertools import islice

import numpy as np

from splitter.measuring.subjects import AGREEMENT, Image, Subject, fewer, more_scenes, parts, scenes
from splitter.nano.questions import Question


def of(count: int) -> list[Image]:
    return [np.zeros((4, 4, 3), np.uint8) for _ in range(count)]


def subject(calibration: int, pictures: int) -> Subject:
    questions = [(index, Question(AGREEMENT, text, "")) for index in range(pictures) for text in ("what is it?", "where is it?")]
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


def test_parts_of_pictures_come_in_the_order_of_the_pictures_over_and_over() -> None:
    shades = [np.full((40, 60, 3), 50 * number, np.uint8) for number in range(3)]
    found = list(parts(shades))
    assert [part[0, 0, 0] // 50 for part in found] == [0, 1, 2] * (len(found) // 3)
    assert {part.shape for part in found} > {part.shape for part in found if part.shape == (40, 60, 3)}, "they differ"
    assert all(24 <= part.shape[0] <= 40 and 36 <= part.shape[1] <= 60 for part in found)


def test_more_scenes_are_none_that_were_seen() -> None:
    seen, more = scenes(3, 1).calibration, list(islice(more_scenes(3), 2))
    assert not any(np.array_equal(one, other) for one in seen for other in more)
