"""Boundaries from one cut to the next, picture by picture."""

from dataclasses import replace

import pytest
import torch

from cloud.engine.image_encoder import advance_images
from cloud.engine.job import GenerationJob
from protos.pictures.tiles import Grid
from tests.cloud.engine.scripted import Inline, ScriptedModel, counting


def with_tiles(job: GenerationJob, *values: float) -> GenerationJob:
    """A picture of a row of tiles, and the whole of it once more."""
    assert job.image
    boundary = {"hidden": torch.tensor(values).reshape(-1, 1, 1)}
    job.image = replace(job.image, boundary=boundary, grid=Grid(1, len(values) - 1))
    return job


async def test_each_picture_gets_the_image_tokens_of_its_tiles() -> None:
    model = ScriptedModel()
    tiled, single = with_tiles(counting(model, 1), 0, 1, 2), counting(model, 2, value=7.0)
    tokens = [picture.image_tokens for picture in await advance_images(Inline(), [tiled, single], 0)]
    assert [own.flatten().tolist() for own in tokens if own is not None] == [[0.0, 1.0, 2.0], [7.0]]
    assert tiled.stages.tail == single.stages.tail > 0
    assert model.advanced == [("c", 2)]


async def test_a_picture_that_has_not_come_to_the_last_cut_stands_at_the_next_one() -> None:
    model = ScriptedModel(cuts=("pixels", "c", "x"))
    job = counting(model, 1, cut="pixels", value=7.0)
    for cut, left in (("c", 1), ("x", 0)):
        (picture,) = await advance_images(Inline(), [job], left)
        job.advance(picture.image)
        assert (picture.image.at, picture.image.cut, job.place.left) == (cut, "pixels", left)
    assert picture.image_tokens is not None
    assert picture.image_tokens.item() == 7.0


async def test_what_is_received_at_the_last_cut_is_image_tokens_at_once() -> None:
    (picture,) = await advance_images(Inline(), [counting(ScriptedModel(), 1, cut="x", value=7.0)], 0)
    assert picture.image_tokens is not None


async def test_jobs_of_texts_only_have_no_pictures() -> None:
    job = counting(ScriptedModel(), 1)
    job.image = None
    assert not await advance_images(Inline(), [job], 0)


@pytest.mark.parametrize("spoilt", [torch.inf, torch.nan])
async def test_a_picture_with_a_tile_that_is_no_number_is_told_and_no_other(spoilt: float) -> None:
    model = ScriptedModel(faulty=False)
    tiled, single = with_tiles(counting(model, 1), 1, spoilt, 1), counting(model, 2)
    assert [picture.finite for picture in await advance_images(Inline(), [tiled, single], 0)] == [False, True]
