from collections.abc import Callable

import pytest

from protos import bundle_pb2 as pb
from splitter.stages.best_cuts import candidates, worth_publishing

pytestmark = pytest.mark.slow


def tried(**cuts: tuple[float, float, dict[str, float]]) -> tuple[pb.Manifest, pb.Measurements]:
    """Cuts in order, each with the milliseconds of its piece and of the tail behind it, and the bytes of each
    codec.
    """
    made, measured = pb.Manifest(), pb.Measurements(mean_tiles=1)
    for name, (head, tail, codecs) in cuts.items():
        made.pieces.add(cut=name)
        made.cuts.add(name=name, codecs=[pb.Codec(name=codec) for codec in codecs])
        taken = measured.cuts[name]
        taken.piece_milliseconds, taken.cloud_milliseconds = head, tail
        for codec, size in codecs.items():
            taken.codecs[codec].mean_bytes = size
    return made, measured


def always(_: str) -> bool:
    return True


def without(*names: str) -> Callable[[str], bool]:
    return lambda name: name not in names


EARLY_AND_LATE = tried(early=(10, 5, {"fine": 10_000}), late=(90, 1, {"fine": 300}))


def test_a_narrow_link_needs_a_late_cut_and_a_wide_one_an_early_one() -> None:
    assert worth_publishing(*EARLY_AND_LATE, always) == ["early", "late"]


def test_a_cut_that_is_never_the_fastest_is_not_published() -> None:
    beaten = tried(
        early=(10, 5, {"fine": 10_000}), middle=(40, 5, {"fine": 20_000}), late=(50, 1, {"fine": 300})
    )
    assert worth_publishing(*beaten, always) == ["early", "late"]


def test_a_cut_may_be_worth_it_on_a_slow_device_only() -> None:
    """On this machine the early cut's tail takes what the head saves."""
    slow = tried(early=(2, 40, {"fine": 1_000}), late=(30, 1, {"fine": 1_000}))
    assert worth_publishing(*slow, always) == ["early", "late"]


def test_a_cut_whose_codecs_lose_too_much_is_not_published() -> None:
    assert worth_publishing(*EARLY_AND_LATE, without("split@early/fine")) == ["late"]


def test_another_codec_of_a_cut_may_stand_in_for_one_that_loses_too_much() -> None:
    two = tried(early=(10, 5, {"coarse": 5_000, "fine": 10_000}), late=(90, 1, {"fine": 300}))
    assert worth_publishing(*two, without("split@early/coarse")) == ["early", "late"]


def test_only_winners_are_asked_what_they_lose() -> None:
    asked: list[str] = []
    two = tried(early=(10, 5, {"fine": 10_000, "plain": 20_000}), late=(90, 1, {"fine": 300}))

    def accurate(name: str) -> bool:
        asked.append(name)
        return True

    worth_publishing(*two, accurate)
    assert set(asked) == {"split@early/fine", "split@late/fine"}


def test_the_last_cut_is_published_even_where_nothing_is_accurate() -> None:
    assert worth_publishing(*EARLY_AND_LATE, lambda _: False) == ["late"]


def test_of_cuts_that_can_stand_in_for_each_other_one_is_published() -> None:
    alike = tried(one=(10, 5, {"fine": 10_000}), two=(0.1, 4.8, {"fine": 9_990}), late=(90, 1, {"fine": 300}))
    found = worth_publishing(*alike, always)
    assert len(found) == 2
    assert found[-1] == "late"


@pytest.mark.parametrize("depth", [2, 6, 7])
def test_every_cut_of_a_small_model_is_a_candidate(depth: int) -> None:
    possible = [*(f"vision.{k + 1}" for k in range(depth)), "connector"]
    assert candidates(possible, depth) == possible


def test_of_a_deep_model_some_layers_are_candidates_and_all_behind_them() -> None:
    possible = [*(f"vision.{k + 1}" for k in range(24)), "pooled", "projection"]
    assert candidates(possible, 24) == [
        "vision.4",
        "vision.8",
        "vision.12",
        "vision.16",
        "vision.20",
        "vision.24",
        "pooled",
        "projection",
    ]
