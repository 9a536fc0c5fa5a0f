"""The learned codec: it starts as the fitted one, learns, goes on after an interruption, and crosses the wire."""

from pathlib import Path

import numpy as np
import pytest
import torch

from splitter.coding.learning.network import Network
from splitter.coding.learning.train import Learned, learn
from splitter.nano.model import WEIGHTS
from splitter.recipe import Options
from tests.splitter.coding.learning.pupil import Pupil, crossed

CUT, STEPS = "vision.4", 24


@pytest.fixture(scope="module")
def pupil(tmp_path_factory: pytest.TempPathFactory) -> Pupil:
    return Pupil(tmp_path_factory.mktemp("pupil"), Options(WEIGHTS, calibration_pictures=24, report_pictures=2), CUT)


@pytest.fixture(scope="module")
def learned(pupil: Pupil, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    return pupil.learn(tmp_path_factory.mktemp("state") / "state.safetensors", STEPS)


def test_it_begins_as_the_fitted_codec_exactly(pupil: Pupil) -> None:
    start, *_ = pupil.lesson.starts.values()
    with torch.no_grad():
        received = Network(start, unit=1.0)(torch.from_numpy(start.coordinates), step=0.5)
    np.testing.assert_allclose(received[0], start.synthesis(start.coordinates[0], step=0.5), atol=1e-3)


def test_the_receiver_adds_what_the_network_learned(pupil: Pupil) -> None:
    start, *_ = pupil.lesson.starts.values()
    network = Network(start, unit=1.0)
    torch.nn.init.normal_(network.weights["outer"], generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = network(torch.from_numpy(start.coordinates[:2]), step=0.5).numpy()
    received = network.transform().synthesis(start.coordinates[:2], step=0.5)
    assert np.abs(received - start.synthesis(start.coordinates[:2], step=0.5)).max() > 0.01
    np.testing.assert_allclose(received, wanted, atol=1e-3)


def test_the_loss_falls_at_the_coarsest_level_in_a_few_steps(pupil: Pupil) -> None:
    losses = pupil.losses(8)
    assert losses[-1] < 0.9 * losses[0]


def test_what_did_not_help_on_held_out_pictures_is_not_kept(pupil: Pupil, learned: Learned) -> None:
    fitted = all(learned.transforms[name] is start for name, start in pupil.lesson.starts.items())
    assert fitted != learned.helped
    assert learned.helped == (np.mean(learned.left) < 1)


def test_an_interrupted_run_goes_on_where_it_stopped(pupil: Pupil, tmp_path: Path) -> None:
    told: list[int] = []
    learn(pupil.lesson, tmp_path / "state", 20, 600)
    learn(pupil.lesson, tmp_path / "state", STEPS, 600, lambda done, _: told.append(done))
    assert told == list(range(21, STEPS + 1))


def test_the_budget_ends_it(pupil: Pupil, tmp_path: Path) -> None:
    told: list[int] = []
    moments = iter(range(1000))
    learn(pupil.lesson, tmp_path / "state", STEPS, 4, lambda done, _: told.append(done), lambda: float(next(moments)))
    assert told == [1, 2, 3]


def test_every_level_crosses_the_wire_as_it_was_learned(pupil: Pupil, tmp_path: Path) -> None:
    networks = pupil.lesson.networks()
    for network in networks.values():
        torch.nn.init.normal_(network.weights["outer"], generator=torch.Generator().manual_seed(0))
    sizes = crossed({name: network.transform() for name, network in networks.items()}, pupil, tmp_path)
    assert sizes == sorted(sizes, reverse=True)
