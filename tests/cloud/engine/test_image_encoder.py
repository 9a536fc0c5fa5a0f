"""Boundaries to image tokens, picture by picture."""

from dataclasses import replace

import torch

from cloud.engine.image_encoder import encode_images
from protos.pictures.tiles import Grid
from tests.cloud.engine.scripted import ScriptedModel, counting


def test_each_picture_gets_the_image_tokens_of_its_tiles() -> None:
    model = ScriptedModel()
    tiled, single = counting(model, 1), counting(model, 2, value=7.0)
    assert tiled.image
    tiled.image = replace(
        tiled.image, boundary={"hidden": torch.arange(3.0).reshape(3, 1, 1)}, grid=Grid(1, 2)
    )
    images = encode_images([tiled, single])
    assert images.bundle == "counting"
    assert [(image.frame, tokens.flatten().tolist()) for image, tokens in images.by_picture()] == [
        (f"{1:016x}", [0.0, 1.0, 2.0]),
        (f"{2:016x}", [7.0]),
    ]
    assert tiled.stages.tail == single.stages.tail > 0


def test_jobs_of_texts_only_have_no_pictures() -> None:
    job = counting(ScriptedModel(), 1)
    job.image = None
    assert not list(encode_images([job]).by_picture())


def test_a_picture_with_a_tile_that_is_no_number_is_spoilt_and_no_other() -> None:
    model = ScriptedModel()
    tiled, single = counting(model, 1), counting(model, 2)
    assert tiled.image
    boundary = {"hidden": torch.tensor([1.0, torch.inf, 1.0]).reshape(3, 1, 1)}
    tiled.image = replace(tiled.image, boundary=boundary, grid=Grid(1, 2))
    assert list(encode_images([tiled, single]).spoilt()) == [True, False]
