from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from protos.errors import CheckpointError
from splitter.families.loading import Checkpoint, load_model
from splitter.local_choice import SMALL_LOCAL
from splitter.nano import SMALL, WEIGHTS, train_small
from splitter.nano.small import LAYERS, own_weights, with_small_decoder
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
