"""What is like an earlier frame, and what has changed."""

import numpy as np
import pytest

from edge.agent.gating.gate import AskedFrame, GateVerdict, compare, compare_features
from edge.agent.gating.likeness import luma_difference, luma_of
from edge.agent.settings.gate import GateSettings
from edge.agent.settings.quantities import Milliseconds
from edge.pictures.resampling import Picture
from splitter.nano.scenes import picture

SETTINGS = GateSettings(enabled=True, luma=4, changed=24, features=0.1, max_age=Milliseconds(10_000))
SCENE = picture(77).image


def noisy(seed: int, gain: float = 1.0) -> Picture:
    noise = np.random.default_rng(seed).normal(0, 4, SCENE.shape)
    return np.clip(SCENE * gain + noise, 0, 255).astype(np.uint8)


def with_something(share: float) -> Picture:
    side = round((share * SCENE.shape[0] * SCENE.shape[1]) ** 0.5)
    changed = noisy(2)
    changed[40 : 40 + side, 40 : 40 + side] = 255 - changed[40 : 40 + side, 40 : 40 + side]
    return changed


def verdict(other: Picture, *, after: float = 1.0, settings: GateSettings = SETTINGS) -> GateVerdict:
    asked = AskedFrame(0.0, luma_of(noisy(1)), {"hidden": np.ones((1, 4, 8), np.float32)})
    return compare(asked, after, luma_of(other), settings)


def test_noise_and_light_that_fades_change_nothing() -> None:
    assert verdict(noisy(2)) is GateVerdict.SAME
    assert verdict(noisy(3, gain=0.97)) is GateVerdict.SAME


def test_a_small_thing_that_comes_into_view_is_seen() -> None:
    assert verdict(with_something(0.01)) is not GateVerdict.SAME
    assert verdict(picture(78).image) is GateVerdict.CHANGED


def test_an_answer_that_is_old_is_asked_for_again() -> None:
    assert verdict(noisy(1), after=9.9) is GateVerdict.SAME
    assert verdict(noisy(1), after=10.0) is GateVerdict.CHANGED


def test_between_the_two_thresholds_the_features_decide() -> None:
    wide = GateSettings(enabled=True, luma=0, changed=255, features=0.1)
    assert verdict(with_something(0.01), settings=wide) is GateVerdict.UNSURE
    asked = AskedFrame(0.0, luma_of(SCENE), {"hidden": np.eye(4, dtype=np.float32)})
    near, far = np.eye(4, dtype=np.float32) + 0.01, np.roll(np.eye(4, dtype=np.float32), 1, 0)
    assert compare_features(asked, {"hidden": near}, wide) is GateVerdict.SAME
    assert compare_features(asked, {"hidden": far}, wide) is GateVerdict.CHANGED


def test_without_features_what_is_between_has_changed() -> None:
    wide = GateSettings(enabled=True, luma=0, changed=255, features=0)
    assert verdict(with_something(0.01), settings=wide) is GateVerdict.CHANGED


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_frame_differs_from_itself_by_nothing(level: int) -> None:
    luma = luma_of(np.full((30, 50, 3), level, np.uint8))
    assert luma.shape == (64, 64)
    assert luma_difference(luma, luma) == 0
