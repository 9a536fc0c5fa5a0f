import pytest

from splitter.quantize.form import QuantFormat
from splitter.stages.select import choose
from tests.splitter.quantize.conftest import SmallWork, Working
from tests.splitter.quantize.graphs import kinds, tower

SLOWER = {
    "milliseconds": {"fp32": 4.0, "form": 5.0},
    "speed": 0.8,
    "bytes": {"fp32": 100, "form": 26},
    "cosine": {"connector": 0.99},
}


def raced_before(work: SmallWork) -> SmallWork:
    """A split whose race was run, and lost, before it was interrupted."""
    work.parts.value("precision", lambda: SLOWER)
    return work


def test_a_form_slower_than_fp32_is_told_and_given_up(working: Working, said: list[str]) -> None:
    chosen = choose(raced_before(working(only_if_faster=True)), tower())

    assert chosen.form == QuantFormat("fp32")
    assert all("MatMulInteger" not in kinds(piece) for piece in chosen.pieces)
    assert chosen.facts["asked"]["precision"] == "int8"
    assert chosen.facts["used"] == {"precision": "fp32"}
    assert "INT8 dynamic: 0.8 times as fast as FP32 (5.0 ms against 4.0)" in said[-2]
    assert said[-1] == (
        "INT8 dynamic does not pay on this machine, so the head stays in FP32; --precision int8 insists on it"
    )


def test_a_form_asked_for_by_name_is_kept_however_slow(working: Working, said: list[str]) -> None:
    chosen = choose(raced_before(working(form=QuantFormat("int8"))), tower())

    assert chosen.form == QuantFormat("int8")
    assert any("MatMulInteger" in kinds(piece) for piece in chosen.pieces)
    assert "0.8 times as fast" in said[-1]


@pytest.mark.parametrize(
    "form",
    [
        QuantFormat("int8"),
        QuantFormat("int4"),
        QuantFormat("fp16"),
        QuantFormat("int8", "static", "u8", "percentile"),
    ],
    ids=str,
)
def test_every_form_is_timed_and_compared_with_fp32(working: Working, form: QuantFormat) -> None:
    chosen = choose(working(form=form), tower())

    facts = chosen.facts
    assert facts["used"] == facts["asked"] == form.parts
    assert facts["speed"] == facts["milliseconds"]["fp32"] / facts["milliseconds"]["form"] > 0
    assert list(facts["cosine"]) == ["vision.1", "vision.2", "connector"]
    assert all(0.98 < near <= 1 for near in facts["cosine"].values())


def test_fp32_is_not_compared_with_itself(working: Working) -> None:
    facts = choose(working(form=QuantFormat("fp32")), tower()).facts
    assert "speed" not in facts
    assert [row["after"] for row in facts["sizes"]] == [row["fp32"] for row in facts["sizes"]]


def test_sizes_before_and_after_slimming_stand_beside_those_in_fp32(working: Working) -> None:
    rows = choose(working(form=QuantFormat("int8")), tower()).facts["sizes"]
    assert [row["cut"] for row in rows] == ["vision.1", "vision.2", "connector"]
    assert all(row["after"] <= row["before"] < row["fp32"] for row in rows)


def test_a_bound_on_the_loss_is_held_in_what_is_published(working: Working, said: list[str]) -> None:
    chosen = choose(working(form=QuantFormat("int4"), max_loss=0.1), tower())

    assert chosen.facts["search"]["after"] <= 0.1 < chosen.facts["search"]["before"]
    assert sum(kinds(piece).count("MatMul") for piece in chosen.pieces) == chosen.facts["search"]["freed"] > 0
    assert any("MatMuls stay in float" in text for text in said)
