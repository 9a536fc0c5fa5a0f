"""A few attacks on a real service, for a second each."""

import json
from pathlib import Path
from typing import Any

import pytest

import isthmus
from bench.attack import tables
from bench.attack.honest import Sample
from bench.attack.registry import attackers
from bench.attack.results import AttackResult, Latency, latency_of
from protos import bundle_pb2 as pb
from tests.house import ROOT

FEW = (
    "honest-neighbours",
    "unreadable",
    "unreadable-in-stream",
    "half-messages",
    "zstd-bomb",
    "watch-garbage",
)


@pytest.fixture(scope="module")
def figures(bundle_path: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    place = tmp_path_factory.mktemp("attack") / "attack.json"
    only = [word for name in (*FEW, "long-lists") for word in ("--only", name)]
    arguments = ["bench", "attack", "--bundle", str(bundle_path), "--duration", "1s", *only, "-o", str(place)]
    assert isthmus.main(arguments) == 0
    found: dict[str, Any] = json.loads(place.read_text())
    return found


def test_every_attack_has_a_row_and_the_honest_device_its_answers(figures: dict[str, Any]) -> None:
    assert [row["attack"] for row in figures["attacks"]] == list(FEW)
    for row in figures["attacks"]:
        assert row["beside"]["failed"] == row["health"]["failed"] == 0, row
        assert row["alone"]["calls"] >= 5
        assert row["beside"]["calls"] > 0
        assert row["ratio"] == pytest.approx(row["beside"]["p50"] / row["alone"]["p50"])
        assert row["bytes_peak"] >= row["bytes_before"] > 100e6, "torch alone takes more"


def test_what_the_attackers_got_is_counted(figures: dict[str, Any]) -> None:
    got = {row["attack"]: row["got"] for row in figures["attacks"]}
    assert set(got["honest-neighbours"]) == {"OK"}
    assert set(got["unreadable"]) == set(got["zstd-bomb"]) == {"INVALID_ARGUMENT"}
    assert {"INVALID_ARGUMENT"} <= set(got["unreadable-in-stream"]) <= {"INVALID_ARGUMENT", "OK"}
    assert got["half-messages"]["calls begun"] >= 300
    # a frame behind one that could not be read is against none
    assert {"INVALID_ARGUMENT"} <= set(got["watch-garbage"]) <= {"INVALID_ARGUMENT", "OK", "NOT_FOUND"}


def test_an_attack_that_a_bundle_cannot_have_is_left_out_with_a_reason(figures: dict[str, Any]) -> None:
    assert figures["left_out"] == {"long-lists": "a generative model embeds no texts"}


def test_an_unknown_attacker_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        isthmus.main(["bench", "attack", "--only", "zstd-bom"])
    assert "zstd-bomb" in capsys.readouterr().err


def test_every_file_of_attackers_is_found_and_every_attacker_says_what_it_sends() -> None:
    files = {path.stem for path in (ROOT / "bench/attack/kinds").glob("*.py")} - {"__init__"}
    found = attackers()
    assert {one.__module__.rpartition(".")[2] for one in found.values()} == files
    assert all(one.words for one in found.values())


def test_attacks_on_texts_are_for_dual_encoders_and_on_sampling_for_the_others() -> None:
    dual = pb.Manifest(matching=pb.Matching(max_texts=10))
    fit = {name for name, one in attackers().items() if not one.unfit(dual)}
    assert {"long-lists", "new-texts"} <= fit
    assert "top-p" not in fit


@pytest.mark.parametrize(
    ("beside_ms", "failed", "missed"), [(19.0, 0, False), (21.0, 0, True), (10.0, 1, True)]
)
def test_a_row_that_misses_the_goal_is_marked(beside_ms: float, failed: int, missed: bool) -> None:
    alone = Latency(9, 0, 10.0, 10.0, 10.0, "")
    beside = Latency(9, failed, beside_ms, 30.0, 30.0, "")
    result = AttackResult("x", "y", alone, beside, alone, 1, 1, 1, 0.1, 0.1, 0, {})
    assert result.missed is missed
    assert ("missed (*) beside x" in tables._goal([result])) is missed


def test_a_call_that_fails_at_once_does_not_count_as_a_quick_one() -> None:
    samples = [Sample(0.0, 0.1, ""), Sample(1.0, 0.001, "refused"), Sample(2.0, 0.001, "refused")]
    latency = latency_of(samples)
    assert (latency.calls, latency.failed, latency.first_failure) == (3, 2, "refused")
    assert latency.p50 == 10_000
