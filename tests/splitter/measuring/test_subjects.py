import numpy as np

from splitter.measuring.subjects import AGREEMENT, Image, Subject, fewer
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
