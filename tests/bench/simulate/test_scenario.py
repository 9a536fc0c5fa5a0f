"""What a scenario is made of."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.simulate.measure import named_kinds
from bench.simulate.scenario import allowed_loss, faster, slower
from protos.arms.rules import Rules
from protos.errors import RequestError, UnknownName
from tests.bench.simulate.worlds import scenario


def test_a_slower_device_takes_longer_in_every_part(tmp_path: Path) -> None:
    given = scenario(tmp_path)
    profile = slower(given.device, 4)
    assert profile.pieces == {"connector": 160.0}
    assert (profile.prefill_ms, profile.token_ms) == (400.0, 40.0)
    assert profile.encode_ms["jpeg-75"] == 4 * given.device.encode_ms["jpeg-75"]


def test_a_faster_cloud_takes_less_in_every_stage(tmp_path: Path) -> None:
    cloud = faster(scenario(tmp_path).cloud, 5)
    assert (cloud.entry_ms["pixels"], cloud.prefill_ms, cloud.token_ms) == (4.0, 1.0, 0.6)


@pytest.mark.parametrize(
    ("max_loss", "names"),
    [
        (0.0, {"split@connector/fitted-1", "upload@jpeg-95"}),
        (0.3, {"local", "split@connector/fitted-1", "upload@jpeg-95"}),
        (1.0, {"local", "split@connector/fitted-1", "upload@jpeg-75", "upload@jpeg-95"}),
    ],
)
def test_arms_that_lose_too_much_are_left_out(tmp_path: Path, max_loss: float, names: set[str]) -> None:
    given = scenario(tmp_path)
    rules = Rules(max_loss=allowed_loss(given.bundle, max_loss))
    assert {arm.name for arm in replace(given, rules=rules).arms} == names


def test_where_no_arm_is_accurate_enough_the_best_is_left(tmp_path: Path) -> None:
    given = scenario(tmp_path)
    given.bundle.measurements.accuracy = 99.0
    rules = Rules(max_loss=allowed_loss(given.bundle, 1.0))
    assert {arm.name for arm in replace(given, rules=rules).arms} == {
        "split@connector/fitted-1",
        "upload@jpeg-95",
    }


def test_a_bundle_without_a_way_through_the_cloud_is_refused(tmp_path: Path) -> None:
    given = scenario(tmp_path)
    del given.bundle.measurements.uploads[:]
    for cut in given.bundle.manifest.cuts:
        del cut.codecs[:]
    with pytest.raises(RequestError, match="offers no way through the cloud"):
        given.check()


def test_a_policy_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnknownName, match="there is no policy 'best'"):
        named_kinds(["best"])
