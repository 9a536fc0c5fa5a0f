from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from protos.errors import CheckpointError, RequestError
from splitter.families.loading import Checkpoint, load_model
from splitter.local_choice import SMALL_LOCAL
from splitter.nano import SMALL, WEIGHTS, train_small
from splitter.nano.small import LAYERS, own_weights, with_small_decoder
from splitter.nano.train import Teacher
from splitter.recipe import Options, recipe
from splitter.stages.load import check_options


def test_the_small_decoder_is_small_and_shares_the_rest() -> None:
    assert SMALL.stat().st_size < 1_000_000
    whole = load_model(WEIGHTS)
    small = with_small_decoder(whole)
    assert len(small.model.text_model.layers) == LAYERS < len(whole.model.text_model.layers)
    assert small.model.vision_model is whole.model.vision_model
    assert small.get_input_embeddings().weight is whole.get_input_embeddings().weight
    assert small.lm_head is whole.lm_head
    stored = load_file(SMALL)
    assert {name for name, _ in own_weights(small)} == set(stored)
    for name, weight in own_weights(small):
        assert torch.equal(weight, stored[name].to(weight.dtype))


def test_only_the_built_in_model_brings_one(tmp_path: Path) -> None:
    options = Options(tmp_path, with_local=True, local=SMALL_LOCAL)
    with pytest.raises(CheckpointError, match="instead of --local small"):
        check_options(Checkpoint(WEIGHTS), options)
    check_options(Checkpoint(WEIGHTS), Options(WEIGHTS, with_local=True, local=SMALL_LOCAL))


def test_another_local_model_is_another_recipe() -> None:
    assert recipe(Options(WEIGHTS, with_local=True)) != recipe(
        Options(WEIGHTS, with_local=True, local=SMALL_LOCAL)
    )


@pytest.mark.slow
def test_training_writes_weights_that_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_small, "SCENES", 40)
    monkeypatch.setattr(train_small, "STEPS", 2)
    output = tmp_path / "small" / "decoder.safetensors"
    train_small.train(output, threads=1)
    assert {name: tensor.shape for name, tensor in load_file(output).items()} == {
        name: tensor.shape for name, tensor in load_file(SMALL).items()
    }
    with_small_decoder(load_model(WEIGHTS), output)


@pytest.mark.slow
def test_a_training_that_is_interrupted_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_small, "SCENES", 40)
    monkeypatch.setattr(train_small, "STEPS", 4)
    monkeypatch.setattr(train_small, "SAVE_EVERY", 2)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train_small.train(whole, threads=1)
    with monkeypatch.context() as patch:
        loss, calls = Teacher.answer_loss, iter(range(9))

        def interrupted(*given: Any) -> torch.Tensor:
            if next(calls) == 3:
                raise KeyboardInterrupt
            return loss(*given)

        patch.setattr(Teacher, "answer_loss", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train_small.train(broken, threads=1)
    assert not broken.exists()
    train_small.train(broken, threads=1)
    kept, other = load_file(whole), load_file(broken)
    assert all(torch.equal(kept[name], other[name]) for name in kept)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "whole"]


def test_a_file_that_is_no_state_is_left_alone(tmp_path: Path) -> None:
    state = tmp_path / "decoder.state"
    state.write_text("mine")
    with pytest.raises(RequestError, match="is no state of a training"):
        train_small.train(tmp_path / "decoder", threads=1)
    assert state.read_text() == "mine"
