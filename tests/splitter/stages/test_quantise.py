import re

import pytest

from splitter.quantize.quant_format import QuantFormat
from splitter.stages.smooth import smoothed
from tests.splitter.quantize.graphs import kinds, tower, with_outliers
from tests.splitter.quantize.small import Small, Working

pytestmark = pytest.mark.slow

SLOWER = {
    "milliseconds": {"fp32": 4.0, "form": 5.0},
    "speed": 0.8,
    "between": [0.78, 0.83],
    "clearly_slower": True,
    "bytes": {"fp32": 100, "form": 26},
    "cosine": {"connector": 0.999},
}


def timed_before(work: Small) -> Small:
    """A split that was timed, and slower than FP32, before it was interrupted."""
    work.run.parts.value("precision", lambda: SLOWER)
    return work


def test_a_form_slower_than_fp32_is_told_and_given_up(working: Working, said: list[str]) -> None:
    head = timed_before(working(only_if_faster=True)).quantise(tower())

    assert head.quant_format == QuantFormat("fp32")
    assert all("MatMulInteger" not in kinds(piece) for piece in head.pieces)
    assert head.facts["asked"]["precision"] == "int8"
    assert head.facts["used"] == {"precision": "fp32"}
    assert "INT8 dynamic: 0.8 times as fast as FP32 (5.0 ms against 4.0)" in said[-2]
    assert said[-1] == (
        "INT8 dynamic does not pay on this machine, so the head stays in FP32; --precision int8 insists on it"
    )


def test_a_form_asked_for_by_name_is_kept_however_slow(working: Working, said: list[str]) -> None:
    head = timed_before(working(quant_format=QuantFormat("int8"))).quantise(tower())

    assert head.quant_format == QuantFormat("int8")
    assert any("MatMulInteger" in kinds(piece) for piece in head.pieces)
    assert "0.8 times as fast" in said[-1]


@pytest.mark.parametrize(
    "quant_format",
    [
        QuantFormat("int8"),
        QuantFormat("int4"),
        QuantFormat("fp16"),
        QuantFormat("int8", "static", "u8", "percentile"),
    ],
    ids=str,
)
def test_every_form_is_timed_and_compared_with_fp32(working: Working, quant_format: QuantFormat) -> None:
    head = working(quant_format=quant_format).quantise(tower())

    facts = head.facts
    assert facts["used"] == facts["asked"] == quant_format.parts
    assert facts["speed"] == facts["milliseconds"]["fp32"] / facts["milliseconds"]["form"] > 0
    assert list(facts["cosine"]) == ["vision.1", "vision.2", "connector"]
    assert all(0.98 < near <= 1 for near in facts["cosine"].values())


def test_a_form_that_loses_much_is_warned_of_with_its_loss_and_what_helps(
    working: Working, said: list[str]
) -> None:
    head = working(quant_format=QuantFormat("int8")).quantise(with_outliers(tower()))

    (warning,) = head.warnings
    assert said[-1] == warning
    assert re.fullmatch(
        r"warning: INT8 dynamic loses \d+\.\d percent of cosine at [\w.]+, .*--max-loss 0\.5 .*", warning
    )


def test_what_was_searched_for_a_bound_is_not_warned_of_again(working: Working) -> None:
    assert (
        not working(quant_format=QuantFormat("int8"), max_loss=90).quantise(with_outliers(tower())).warnings
    )


def test_an_outlier_that_was_smoothed_is_not_warned_of(working: Working) -> None:
    work = working(quant_format=QuantFormat("int8"))
    assert not work.quantise(smoothed(work.run, work.evaluation, with_outliers(tower()))).warnings


def test_a_head_in_fp32_is_not_smoothed(working: Working) -> None:
    work = working(quant_format=QuantFormat("fp32"))
    assert smoothed(work.run, work.evaluation, with_outliers(tower())) == with_outliers(tower())


def test_fp32_is_not_compared_with_itself(working: Working) -> None:
    facts = working(quant_format=QuantFormat("fp32")).quantise(tower()).facts
    assert "speed" not in facts
    assert [row["after"] for row in facts["sizes"]] == [row["fp32"] for row in facts["sizes"]]


def test_sizes_before_and_after_slimming_stand_beside_those_in_fp32(working: Working) -> None:
    rows = working(quant_format=QuantFormat("int8")).quantise(tower()).facts["sizes"]
    assert [row["cut"] for row in rows] == ["vision.1", "vision.2", "connector"]
    assert all(row["after"] <= row["before"] < row["fp32"] for row in rows)


def test_a_bound_on_the_loss_is_held_in_what_is_published(working: Working, said: list[str]) -> None:
    head = working(quant_format=QuantFormat("int4"), max_loss=0.1).quantise(tower())

    assert head.facts["search"]["after"] <= 0.1 < head.facts["search"]["before"]
    assert sum(kinds(piece).count("MatMul") for piece in head.pieces) == head.facts["search"]["in_float"] > 0
    assert any("MatMuls stay in float" in text for text in said)
