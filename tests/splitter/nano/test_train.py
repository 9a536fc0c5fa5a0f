from dataclasses import replace
from pathlib import Path

import pytest
from safetensors import safe_open

from splitter.families.loading import load_model
from splitter.nano import train as training

pytestmark = pytest.mark.slow


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "SCENES", 320)
    monkeypatch.setattr(training, "_SAVE_EVERY", 1)
    phases = [
        replace(phase, steps=2, batch=16) for phase in training.PHASES if phase.name in {"vision", "together"}
    ]
    monkeypatch.setattr(training, "PHASES", tuple(phases))


@pytest.mark.usefixtures("short")
def test_training_goes_on_where_it_stopped_and_ends_in_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = training.Trainer._save

    def interrupted(trainer: training.Trainer, index: int, step: int, *rest: object) -> None:
        saved(trainer, index, step, *rest)  # type: ignore[arg-type]
        if (index, step) == (1, 1):
            raise KeyboardInterrupt

    monkeypatch.setattr(training.Trainer, "_save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        training.train(tmp_path / "run", tmp_path / "weights", threads=1, compile_model=False)
    assert not (tmp_path / "weights").exists()

    steps: list[tuple[int, int]] = []

    def watched(trainer: training.Trainer, index: int, step: int, *rest: object) -> None:
        steps.append((index, step))
        saved(trainer, index, step, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(training.Trainer, "_save", watched)
    training.train(tmp_path / "run", tmp_path / "weights", threads=1, compile_model=False)
    assert steps == [(1, 2)], "only the step that was missing is taken"
    assert load_model(tmp_path / "weights").config.model_type == "idefics3"
    with safe_open(tmp_path / "run" / "state.safetensors", "pt") as state:
        assert any(name.startswith("exp_avg_sq/") for name in state.keys())  # noqa: SIM118 - not a dict
