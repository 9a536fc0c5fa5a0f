"""A bundle that answers much worse than its model is never published without a word."""

import pytest

from protos import bundle_pb2 as pb
from protos.measurements import EXACT_MATCH
from splitter.quantize.quant_format import QuantFormat
from splitter.stages.losses import answer_warnings, head_warnings, noise_notes

INT8 = QuantFormat("int8")


def measured(whole: float, *accuracies: float) -> pb.Measurements:
    figures = pb.Measurements(measure=EXACT_MATCH, accuracy=whole)
    for number, accuracy in enumerate(accuracies, 1):
        figures.cuts["vision.2"].codecs[f"fitted-{number}"].accuracy = accuracy
    return figures


@pytest.mark.parametrize("cosines", [{"vision.2": 0.9995, "connector": 0.9991}, {"connector": 1.0}])
def test_a_head_that_is_near_fp32_is_not_warned_of(cosines: dict[str, float]) -> None:
    assert not list(head_warnings(INT8, cosines))


def test_the_worst_cut_is_named_with_its_loss_and_what_helps() -> None:
    (line,) = head_warnings(INT8, {"vision.2": 0.62, "connector": 0.8})
    assert "INT8 dynamic loses 38.0 percent of cosine at vision.2" in line
    assert "--max-loss 0.5" in line


def test_a_head_that_gives_no_numbers_is_warned_of() -> None:
    assert list(head_warnings(INT8, {"connector": float("nan")}))


def test_a_cut_of_which_no_codec_keeps_half_the_answers_is_warned_of() -> None:
    (line,) = answer_warnings(measured(94.3, 0.0, 1.7))
    assert "at vision.2 the best codec scores 1.7% (exact match), the whole model 94.3%" in line
    assert "--max-loss" in line


@pytest.mark.parametrize("accuracies", [(94.0, 0.0), (48.0,)])
def test_a_cut_with_one_codec_that_keeps_them_is_not(accuracies: tuple[float, ...]) -> None:
    assert not list(answer_warnings(measured(94.3, *accuracies)))


def noisy(error: float, pictures: int = 60) -> pb.Measurements:
    figures = measured(94.0, 93.5, 60.0)
    figures.pictures = pictures
    close, bad = (figures.cuts["vision.2"].codecs[f"fitted-{number}"] for number in (1, 2))
    close.loss_error, bad.loss_error = error, 10.0
    return figures


def test_pictures_too_few_to_tell_a_point_are_told_with_how_many_would() -> None:
    (line,) = noise_notes(noisy(error=1.2))
    assert line.startswith("note: 60 pictures do not tell whether a way loses a point or nothing")
    assert "up to 2.0 points" in line
    assert "about 234 pictures" in line  # 60 (1.645 1.2)^2


def test_where_a_point_can_be_told_nothing_is_said_however_noisy_what_is_bad() -> None:
    assert not list(noise_notes(noisy(error=0.5)))
