import json
from pathlib import Path

import cv2
import pytest
import torch

from bench.codec.exam import Exam, folder
from bench.codec.halves import Cloud, Seen
from bench.codec.keep import Keep
from bench.codec.matches import COSINE, LABEL, OWN, RANK, Matches, reciprocal_ranks
from bench.codec.rows import Examination
from bench.codec.uploads import Upload
from bench.codec.ways import Picture
from protos.bundle import Bundle
from protos.errors import BundleDamaged
from protos.pictures.tiles import ONE_TILE
from splitter.nano.scenes import picture
from splitter.recipe import Options
from splitter.silence import silence_libraries
from splitter.split import split
from tests.splitter.families.dual_checkpoints import clip


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("photos")
    for seed in range(9):
        cv2.imwrite(str(place / f"{seed}.png"), picture(seed).image)
    (place / "captions.json").write_text(
        json.dumps({f"{seed}.png": [f"a photo of number {seed}", "a photo"] for seed in range(3)})
    )
    return place


@pytest.fixture(scope="module")
def dual(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    place = tmp_path_factory.mktemp("clip")
    clip(place / "checkpoint")
    options = Options(
        place / "checkpoint",
        calibration=photos,
        calibration_pictures=6,
        report_pictures=2,
        labels=("cat", "dog"),
    )
    with silence_libraries():
        return split(options, place / "bundle", say=lambda _: None)


@pytest.fixture(scope="module")
def exam(photos: Path) -> Exam:
    return folder(photos, 3)


def test_the_whole_model_agrees_with_itself(dual: Bundle, exam: Exam) -> None:
    cloud = Cloud(dual)
    judge, seen = Matches(cloud.matcher, exam), cloud.see(exam.pictures)
    said = judge.answer(seen)
    marks = judge.marks(seen, said, said)
    assert marks[LABEL] == [1, 1, 1]
    assert marks[COSINE] == pytest.approx([1, 1, 1])
    (best, embedding), *others = said
    turned = [(1 - best, [-number for number in embedding]), *others]
    assert judge.marks(seen, turned, said)[LABEL] == [0, 1, 1]
    assert judge.marks(seen, turned, said)[COSINE] == pytest.approx([-1, 1, 1])


def test_a_picture_finds_its_own_caption_where_its_embedding_is_that_caption(
    dual: Bundle, exam: Exam
) -> None:
    cloud = Cloud(dual)
    judge = Matches(cloud.matcher, exam)
    own = judge._captions[::2] if judge._captions is not None else None
    assert own is not None
    as_captions = Seen(own[:, None], [ONE_TILE] * 3)
    said = judge.answer(as_captions)
    marks = judge.marks(as_captions, said, said)
    assert (marks[OWN], marks[RANK]) == ([1, 1, 1], [1, 1, 1])
    turned = judge.answer(Seen(own[:, None].roll(1, 0), as_captions.grids))
    marks = judge.marks(as_captions, turned, said)
    assert marks[OWN] == [0, 0, 0]
    assert max(marks[RANK]) <= 0.5


def test_retrieval_is_by_the_place_of_the_best_of_a_pictures_own() -> None:
    likeness = torch.tensor([[0.1, 0.3, 0.9, 0.2], [0.9, 0.8, 0.7, 0.1], [0.5, 0.5, 0.5, 0.5]])
    assert reciprocal_ranks(likeness, [0, 0, 1, 1]) == pytest.approx([1 / 2, 1 / 3, 0])
    assert reciprocal_ranks(likeness[:, :3], [0, 1, 2]) == pytest.approx([1 / 3, 1 / 2, 1])


def test_without_captions_a_picture_is_to_find_itself(dual: Bundle, exam: Exam) -> None:
    cloud = Cloud(dual)
    judge = Matches(cloud.matcher, Exam("bare", exam.pictures))
    said = judge.answer(cloud.see(exam.pictures))
    seen = cloud.see(exam.pictures)
    assert [measure.name for measure in judge.measures] == [LABEL, RANK, COSINE]
    assert judge.marks(seen, said, said)[RANK] == [1, 1, 1]
    assert max(judge.marks(seen, [*said[1:], said[0]], said)[RANK]) < 1


def test_a_dual_encoder_is_measured_by_label_caption_and_cosine(
    dual: Bundle, exam: Exam, tmp_path: Path
) -> None:
    examination = Examination(dual, exam, Keep.of(tmp_path, dual, exam), lambda _: None)
    device = examination.ways[0].device  # type: ignore[attr-defined]
    examination.ways = [*examination.ways[:2], Picture(device, Cloud(dual), Upload("jpeg", 8, 0.5))]
    fine, _, ruined = examination.rows()
    assert set(fine.figures) == {LABEL, OWN, RANK, COSINE}
    assert fine.figures[COSINE].value > ruined.figures[COSINE].value
    assert examination.whole()[LABEL] == 100


def test_a_bundle_that_answers_questions_matches_nothing(bundle: Bundle) -> None:
    with pytest.raises(BundleDamaged, match="matches nothing"):
        assert Cloud(bundle).matcher
