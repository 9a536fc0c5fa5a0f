"""Idefics3's positions are those of its own embeddings, for any number of patches a side."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers.models.idefics3.modeling_idefics3 import Idefics3VisionEmbeddings

from splitter.families.idefics3 import position_ids


@pytest.mark.parametrize("side", [1, 2, 4, 19, 25, 27, 29, 32, 62])
def test_positions_are_those_of_the_models_own_embeddings(side: int) -> None:
    sizes = SimpleNamespace(hidden_size=1, image_size=2 * side, patch_size=2, num_channels=3)
    embeddings: Any = Idefics3VisionEmbeddings(sizes)
    seen: list[torch.Tensor] = []
    embeddings.position_embedding.register_forward_hook(lambda _module, inputs, _out: seen.append(inputs[0]))
    embeddings(torch.zeros(1, 3, 2 * side, 2 * side), torch.ones(1, side, side, dtype=torch.bool))
    assert torch.equal(position_ids(side), seen[0][0])


def test_some_put_two_patches_in_one_place() -> None:
    assert len(set(position_ids(19).tolist())) < 19 * 19
