"""The learned codec: it starts as the fitted one, trains on, goes on after an interruption, and crosses the wire."""

from pathlib import Path

import numpy as np
import pytest
import torch

from splitter.learning.network import Network
from splitter.learning.train import Learned, learn
from splitter.nano.model import WEIGHTS
from splitter.recipe import Options
from tests.splitter.learning.pupil import Pupil, crossed

CUT, STEPS = "vision.4", 24


@pytest.fixture(scope="module")
def pupil(tmp_path_factory: pytest.TempPathFactory) -> Pupil:
    return Pupil(tmp_path_factory.mktemp("pupil"), Options(WEIGHTS, calibration_pictures=24, report_pictures=2), CUT)


@pytest.fixture(scope="module")
def learned(pupil: Pupil, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    return pupil.learn(tmp_path_factory.mktemp("state") / "state.safetensors", STEPS)


def test_it_begins_as_the_fitted_codec_exactly(pupil: Pupil) -> None:
    (name, start), *_ = pupil.starts.items()
    network, values = Network(start), pupil.boundary[name]
    with torch.no_grad():
        coordinates = network(torch.from_numpy(values))
        received = network.synthesise(coordinates)
    np.testing.assert_allclose(coordinates, start.coordinates, atol=1e-3)
    np.testing.assert_allclose(received[0], start.synthesis(start.coordinates[0]), atol=1e-3)


def test_what_did_not_help_on_held_out_pictures_is_not_kept(pupil: Pupil, learned: Learned) -> None:
    assert learned.before == pytest.approx(1)
    is_start = all(learned.transforms[name] is start for name, start in pupil.starts.items())
    assert is_start == (learned.after >= learned.before)


def test_an_interrupted_run_goes_on_where_it_stopped(pupil: Pupil, tmp_path: Path) -> None:
    told: list[int] = []
    learn(pupil.starts, pupil.lesson, tmp_path / "state", 20, 600)
    learn(pupil.starts, pupil.lesson, tmp_path / "state", STEPS, 600, lambda done, _: told.append(done))
    assert told == list(range(21, STEPS + 1))


def test_the_budget_ends_it(pupil: Pupil, tmp_path: Path) -> None:
    told: list[int] = []
    moments = iter(range(1000))
    learn(pupil.starts, pupil.lesson, tmp_path / "state", STEPS, 2, lambda done, _: told.append(done), lambda: float(next(moments)))
    assert told == [1, 2, 3]


def test_every_level_crosses_the_wire_as_it_was_learned(pupil: Pupil, learned: Learned, tmp_path: Path) -> None:
    sizes = crossed(learned.transforms, pupil, tmp_path)
    assert sizes == sorted(sizes, reverse=True)
