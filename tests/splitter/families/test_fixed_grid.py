"""Pictures of one size as rows of patches, as Qwen-VL's processor makes them."""

from typing import Any

import numpy as np
import pytest
import torch
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from protos.errors import CheckpointError
from splitter.families.fixed_grid import fixed_size, merged_order, patches, planes
from tests.edge.pictures.picture_files import scene

pytestmark = pytest.mark.slow

SHAPE = {"patch": 14, "merge": 2, "repeat": 2}


@pytest.fixture(scope="module")
def made() -> Any:
    """A picture of 56 x 84 through the processor, its channels without a mean."""
    images = Qwen2VLImageProcessorPil(image_mean=[0.0] * 3, image_std=[1.0] * 3)
    return images(scene(56, 84), do_resize=False, return_tensors="pt", input_data_format="channels_last")


def test_the_processors_patches_put_together_are_the_picture(made: Any) -> None:
    pixels = planes(made["pixel_values"], made["image_grid_thw"][0, 1:].tolist(), **SHAPE)
    np.testing.assert_allclose(255 * pixels[0].permute(1, 2, 0).numpy(), scene(56, 84), atol=1e-4)


def test_pixels_become_the_processors_patches(made: Any) -> None:
    picture = torch.from_numpy(scene(56, 84)).permute(2, 0, 1)[None] / 255
    torch.testing.assert_close(patches(picture, **SHAPE), made["pixel_values"])


def test_tokens_are_in_the_order_of_the_patches() -> None:
    numbered = torch.arange(24.0).reshape(1, 1, 4, 6)
    pixels = numbered.repeat_interleave(14, 2).repeat_interleave(14, 3).expand(1, 3, -1, -1)
    assert torch.equal(merged_order(numbered, 2)[0, :, 0], patches(pixels, **SHAPE)[:, 0])


@pytest.mark.parametrize(
    ("size", "proposed"),
    [
        ({"shortest_edge": 3136, "longest_edge": 12_845_056}, "448"),
        ({"shortest_edge": 3136, "longest_edge": 28 * 28 * 64}, "224"),
        ({"shortest_edge": 784 * 1024, "longest_edge": 784 * 4096}, "896"),
        ({"height": 120, "width": 90}, '112, "width": 84'),
    ],
)
def test_a_size_is_proposed_within_the_processors_bounds(size: dict[str, int], proposed: str) -> None:
    with pytest.raises(CheckpointError, match=f'write "size": {{"height": {proposed}'):
        fixed_size(Qwen2VLImageProcessorPil(size=size))


def test_a_picture_is_whole_windows() -> None:
    images = Qwen2VLImageProcessorPil(size={"height": 224, "width": 140})
    assert fixed_size(images) == (224, 140)
    with pytest.raises(
        CheckpointError, match=r'224 x 140.*"height": 224, "width": 112}, or other multiples of 112'
    ):
        fixed_size(images, window=112)
