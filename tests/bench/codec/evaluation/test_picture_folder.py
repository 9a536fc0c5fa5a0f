import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.codec.evaluation.evaluation_set import scenes
from bench.codec.evaluation.picture_folder import fitted_on, folder
from protos.bundle import Bundle
from protos.errors import BundleDamaged, CheckpointError, RequestError
from splitter.evaluate.subjects import fingerprint
from splitter.nano.scenes import CALIBRATION_SEEDS, picture

ASKED = [
    {"picture": "1.png", "question": "what shape is it?", "answer": "ring", "kind": "shape"},
    {"picture": "0.png", "question": "how many are there?", "answer": "2", "kind": "count"},
    {"picture": "1.png", "question": "how many are there?", "answer": "3", "kind": "count"},
]


def write(place: Path, what: object) -> None:
    place.write_text(json.dumps(what))


@pytest.mark.parametrize("place", ["subject/photos/questions.json", "subject/questions.json"])
def test_questions_lie_in_the_folder_or_beside_it(photos: Path, tmp_path: Path, place: str) -> None:
    write(tmp_path / place, ASKED)
    evaluation_set = folder(photos, 10)
    assert [(index, question.kind, question.answer) for index, question in evaluation_set.questions] == [
        (0, "shape", "ring"),
        (1, "count", "2"),
        (0, "count", "3"),
    ]
    assert len(evaluation_set.pictures) == 2


def test_questions_named_by_hand_win(photos: Path, tmp_path: Path) -> None:
    write(tmp_path / "mine.json", ASKED[:1])
    write(photos / "captions.json", {"0.png": ["a ring"]})
    assert len(folder(photos, 10, tmp_path / "mine.json").questions) == 1


@pytest.mark.parametrize(
    "told",
    [{"2.png": ["a ring", "two rings"]}, {"evaluate": {"2.png": ["a ring", "two rings"]}, "calibrate": []}],
)
def test_captions_may_say_which_pictures_to_evaluate_on(photos: Path, told: object) -> None:
    write(photos.parent / "captions.json", told)
    evaluation_set = folder(photos, 10)
    assert evaluation_set.captions == [(0, "a ring"), (0, "two rings")]
    assert not evaluation_set.questions


def test_pictures_are_found_further_down(photos: Path) -> None:
    write(photos.parent / "captions.json", {"2.png": ["a ring"]})
    assert len(folder(photos.parent, 10).pictures) == 1


def test_a_folder_without_either_is_measured_by_agreement(photos: Path) -> None:
    evaluation_set = folder(photos, 2)
    assert len(evaluation_set.pictures) == 2
    assert {question.kind for _, question in evaluation_set.questions} == {"agreement"}


def test_only_so_many_pictures_are_taken(photos: Path) -> None:
    write(photos / "questions.json", ASKED)
    evaluation_set = folder(photos, 1)
    assert [index for index, _ in evaluation_set.questions] == [0, 0]
    assert len(evaluation_set.pictures) == 1


def test_a_name_that_two_pictures_have_is_refused(photos: Path) -> None:
    for place in ("train", "val"):
        (photos / place).mkdir()
        (photos / place / "7.png").write_bytes((photos / "0.png").read_bytes())
    write(photos / "captions.json", {"7.png": ["a ring"]})
    with pytest.raises(RequestError, match=r"train/7\.png and val/7\.png; write which"):
        folder(photos, 10)
    write(photos / "captions.json", {"val/7.png": ["a ring"]})
    assert len(folder(photos, 10).pictures) == 1


@pytest.mark.parametrize("told", ["questions.json", "captions.json", ""])
def test_pictures_that_were_fitted_on_are_left_out(photos: Path, told: str) -> None:
    if told:
        write(
            photos / told,
            ASKED if told == "questions.json" else {f"{seed}.png": ["a ring"] for seed in range(3)},
        )
    fitted = [fingerprint(picture(1).image[..., ::-1].copy())]
    evaluation_set = folder(photos, 10, fitted=fitted)
    assert evaluation_set.left_out == 1
    assert not {fingerprint(image) for image in evaluation_set.pictures} & set(fitted)
    assert {index for index, _ in [*evaluation_set.questions, *evaluation_set.captions]} == set(
        range(len(evaluation_set.pictures))
    )
    every = [fingerprint(picture(seed).image[..., ::-1].copy()) for seed in range(3)]
    with pytest.raises(RequestError, match="was fitted on all"):
        folder(photos, 10, fitted=every)


def test_a_bundle_tells_what_it_was_fitted_on(bundle: Bundle, tmp_path: Path) -> None:
    found = fitted_on(bundle)
    assert fingerprint(picture(CALIBRATION_SEEDS).image) in found
    assert not {fingerprint(image) for image in scenes(4).pictures} & set(found)


@pytest.mark.parametrize("report", [None, "{}", "[]", "{", '{"bundle": "f", "fitted_on": []}'])
def test_without_a_report_of_its_own_a_bundle_is_not_measured_on_what_it_may_have_been_fitted_on(
    damaged: Path, report: str | None
) -> None:
    (damaged / "report.json").unlink()
    if report is not None:
        (damaged / "report.json").write_text(report)
    with pytest.raises(BundleDamaged, match=r"report\.json cannot be used .*copy it from where"):
        fitted_on(Bundle.open(damaged))


@pytest.mark.parametrize("make", [lambda place: None, lambda place: place.mkdir()])
def test_a_folder_without_pictures_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "none")
    with pytest.raises(RequestError, match="holds no pictures"):
        folder(tmp_path / "none", 10)


def test_a_broken_picture_is_named(photos: Path) -> None:
    (photos / "0.png").write_bytes(b"no picture")
    with pytest.raises(CheckpointError, match=r"0\.png is not a picture"):
        folder(photos, 10)
