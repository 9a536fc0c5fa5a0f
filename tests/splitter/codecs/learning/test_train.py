"""The learned codec: it starts as the fitted one, learns, goes on after an interruption, and crosses the
wire.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from splitter.codecs import fitting
from splitter.codecs.arrays import Tensors
from splitter.codecs.kind import Learning
from splitter.codecs.kinds.learned import learned_codec
from splitter.codecs.learning import train
from splitter.codecs.learning.autocast import Autocast, Loss
from splitter.codecs.learning.train import Learned, learn
from splitter.codecs.learning.training_set import training_set, with_further
from splitter.codecs.levels import fitted_transforms
from splitter.nano import WEIGHTS
from splitter.recipe import Options
from tests.splitter.codecs.learning.pupil import Pupil, crossed

pytestmark = pytest.mark.slow

CUT, STEPS, KEPT = "vision.4", 8, 5


@pytest.fixture(scope="module", autouse=True)
def kept_often() -> Iterator[None]:
    """The state is kept every few steps: a few more are enough to go on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "_KEPT", KEPT)
        yield


@pytest.fixture(scope="module")
def pupil(tmp_path_factory: pytest.TempPathFactory) -> Pupil:
    return Pupil(
        tmp_path_factory.mktemp("pupil"), Options(WEIGHTS, calibration_pictures=12, report_pictures=2), CUT
    )


@pytest.fixture(scope="module")
def learned(pupil: Pupil, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    return pupil.learn(tmp_path_factory.mktemp("state") / "state.safetensors", STEPS)


def test_it_begins_as_the_fitted_codec_exactly(pupil: Pupil) -> None:
    (name, start), *_ = pupil.training_set.starts.items()
    network = pupil.training_set.networks()[name]
    values = pupil.boundary[name]
    step = pupil.training_set.steps[name][0]
    with torch.no_grad():
        received, _ = network(torch.from_numpy(values), step)
    wanted = start.synthesis(start.codes(start.coordinates, step) * np.float32(step), step)
    np.testing.assert_allclose(received, wanted, atol=1e-2 * np.abs(wanted).max())


def test_the_loss_falls_at_the_coarsest_level_in_a_few_steps(pupil: Pupil) -> None:
    losses = pupil.losses(8)
    assert losses[-1] < losses[0]


def test_it_says_what_is_left_of_loss_and_bits_level_by_level(pupil: Pupil, learned: Learned) -> None:
    assert len(learned.left) == pupil.training_set.levels
    lost, bits = np.array(learned.left).T
    assert lost.prod() != 1
    coarsest = learned.transforms(pupil.boundary)
    step = {name: steps[-1] for name, steps in pupil.training_set.steps.items()}
    held, _ = pupil.training_set.divided()
    now, before = (
        sum(
            fitting.bits(one.sent(pupil.boundary[name][held], step[name]), one.level(step[name]))
            for name, one in those.items()
        )
        for those in (coarsest, pupil.training_set.starts)
    )
    assert now / before == pytest.approx(bits[-1], rel=0.05), (
        "by what its tables make of held-out pictures, as those of the fitted one"
    )


def test_what_has_not_learned_is_as_long_as_the_fitted_codec(pupil: Pupil) -> None:
    untaught = Learned(pupil.training_set.networks(), []).transforms(pupil.boundary)
    np.testing.assert_allclose(
        pupil.training_set.lengths(untaught), pupil.training_set.lengths(pupil.training_set.starts), rtol=0.01
    )


@pytest.mark.parametrize("arithmetic", [lambda loss: loss, Autocast])
def test_what_was_learned_is_what_the_networks_do_afterwards(
    arithmetic: Callable[[Loss], Loss], pupil: Pupil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "autocast_if_faster", lambda loss, _: arithmetic(loss))
    learned = pupil.learn(tmp_path / "state", STEPS)
    held, _ = pupil.training_set.divided()
    for level, (lost, _) in enumerate(learned.left):
        with torch.no_grad():
            now, before = (
                pupil.training_set.costs(n, [level] * len(held), held, 0).loss.mean()
                for n in (learned.networks, pupil.training_set.networks())
            )
        assert float(now / before) == pytest.approx(lost, rel=0.1)


def test_an_interrupted_run_goes_on_where_it_stopped(pupil: Pupil, tmp_path: Path) -> None:
    told: list[int] = []
    learn(pupil.training_set, tmp_path / "state", KEPT, 600)
    learn(pupil.training_set, tmp_path / "state", STEPS, 600, lambda done, _: told.append(done))
    assert told == list(range(KEPT + 1, STEPS + 1))


def test_an_interrupted_run_comes_to_what_it_would_have(
    pupil: Pupil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "autocast_if_faster", lambda loss, _: loss)

    def halt(done: int, _: int) -> None:
        if done == KEPT + 1:
            raise KeyboardInterrupt

    whole = learn(pupil.training_set, tmp_path / "whole", STEPS, 600, clock=lambda: 0.0)
    with pytest.raises(KeyboardInterrupt):
        learn(pupil.training_set, tmp_path / "state", STEPS, 600, halt, lambda: 0.0)
    resumed = learn(pupil.training_set, tmp_path / "state", STEPS, 600, clock=lambda: 0.0)
    for name, network in whole.networks.items():
        for one, other in zip(network.parameters(), resumed.networks[name].parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_what_was_learned_is_kept(pupil: Pupil, learned: Learned, tmp_path: Path) -> None:
    learned.save(tmp_path / "learned")
    again = Learned.load(tmp_path / "learned", pupil.training_set)
    assert again.left == learned.left
    for name, network in learned.networks.items():
        with torch.no_grad():
            values = torch.from_numpy(pupil.boundary[name])
            for one, other in zip(
                network(values, 1.0)[:1], again.networks[name](values, 1.0)[:1], strict=True
            ):
                torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_few_pictures_come_out_the_same_without_the_further_ones(pupil: Pupil, tmp_path: Path) -> None:
    few = {name: values[:6] for name, values in pupil.boundary.items()}
    known = training_set(pupil.tail, few, fitted_transforms(few))
    learned = learn(with_further(known, [pupil.boundary]), tmp_path / "state", 2, 600)
    learned.save(tmp_path / "learned")
    again = Learned.load(tmp_path / "learned", known)
    for name, network in learned.networks.items():
        for one, other in zip(network.buffers(), again.networks[name].buffers(), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize(("share", "improved"), [(0.9, True), (1.1, False)])
def test_a_split_goes_on_behind_a_cut_that_has_learned(
    pupil: Pupil, learned: Learned, share: float, *, improved: bool
) -> None:
    fitted = fitted_transforms(pupil.boundary)
    so_far = replace(learned, left=[(share, 1.0)] * pupil.training_set.levels)
    so_far.save(pupil.run.parts.folder / f"learned-{CUT}.safetensors")

    further: Iterator[Tensors] = iter([pupil.boundary])
    run = pupil.run
    learning = Learning(further, 60.0, run.parts, run.say, run.advance)
    levels = learned_codec(learning, pupil.tail, pupil.boundary, fitted)
    assert list(further), "it has seen more pictures, though nothing was to be learned any more"
    assert len(levels) == (pupil.training_set.levels if improved else 0)


def test_the_budget_ends_it(pupil: Pupil, tmp_path: Path) -> None:
    told: list[int] = []
    moments = iter(range(1000))
    learn(
        pupil.training_set,
        tmp_path / "state",
        STEPS,
        4,
        lambda done, _: told.append(done),
        lambda: float(next(moments)),
    )
    assert told == [1, 2, 3]


def test_every_level_crosses_the_wire_as_it_was_learned(
    pupil: Pupil, learned: Learned, tmp_path: Path
) -> None:
    for network in learned.networks.values():
        for side in (network.sender, network.receiver):
            torch.nn.init.normal_(side.outer, std=0.02, generator=torch.Generator().manual_seed(0))
    sizes = crossed(learned.transforms(pupil.boundary), pupil, tmp_path)
    assert sizes == sorted(sizes, reverse=True)


def test_what_is_held_out_does_not_teach_and_what_came_further_does(pupil: Pupil) -> None:
    more = {name: np.concatenate([values] * 3) for name, values in pupil.boundary.items()}
    held, taught = replace(pupil.training_set, boundary=more).divided()
    assert held == [0, 3, 6, 9]
    assert sorted([*held, *taught]) == list(range(3 * 12))


def test_it_learns_from_as_many_further_pictures_as_have_room(
    pupil: Pupil, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, values = next(iter(pupil.boundary.items()))
    monkeypatch.setattr(
        "splitter.codecs.learning.training_set._MAX_LEARNED", 3 * values.astype(np.float16).nbytes
    )
    further = ({name: values} for _ in range(100))
    known = with_further(pupil.training_set, further)
    assert known.distinct == len(values)
    assert known.boundary[name].shape == (4 * len(values), *values.shape[1:])
    assert next(further, None) is not None, "no more were made than had room"


def test_numbers_too_large_for_two_bytes_are_kept_in_four(pupil: Pupil) -> None:
    large = {name: values * np.float32(1e5) for name, values in pupil.boundary.items()}
    known = with_further(training_set(pupil.tail, large, fitted_transforms(large)), [large])
    for name, values in large.items():
        np.testing.assert_array_equal(known.boundary[name], np.concatenate([values, values]))
