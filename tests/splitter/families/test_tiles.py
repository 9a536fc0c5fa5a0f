"""Idefics3 and SmolVLM with pictures in tiles, as their processors make them unless told otherwise."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoProcessor
from transformers.models.smolvlm.processing_smolvlm import SmolVLMProcessor

from edge.pictures.preprocess import Preprocessor
from protos.errors import CheckpointError
from protos.pictures.tiles import Grid, spans
from protos.text.prompt import write_picture
from splitter.evaluate.answers import Prompting, greedy
from splitter.evaluate.verify import ReferenceModel, image_tokens, spoken
from splitter.families import Generative, Processor, enter, family_of, generative, walk
from splitter.families.causal import Causal
from splitter.families.loading import load_model, load_processor
from splitter.families.prompt import prompt_of, tokenizer_of
from tests.edge.pictures.picture_files import scene
from tests.splitter.families.checkpoints import idefics3, smolvlm
from tests.splitter.families.made import check_boarding

pytestmark = pytest.mark.slow

QUESTION = "what color is the circle"
GRIDS = {
    (57, 83): (3, 4),
    (131, 64): (4, 2),
    (56, 56): (4, 4),
    (41, 300): (1, 4),
    (300, 23): (4, 1),
    (601, 401): (4, 3),
    (1, 90): (1, 4),
}
SIX = {"max_new_tokens": 6, "min_new_tokens": 6, "eos_token_id": 2}
MAKERS: dict[str, Callable[[Path], None]] = {"idefics3": idefics3, "smolvlm": partial(smolvlm, longest=224)}


class Checkpoint:
    """A checkpoint on disk, loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model: Any = load_model(folder)
        self.family: Generative = generative(family_of(self.model.config))
        self.processor: Processor = load_processor(folder)
        self.preprocessor = Preprocessor(self.family.preprocessing(self.processor))

    @property
    def whole(self) -> ReferenceModel:
        tokenizer = tokenizer_of(self.processor)
        prompt = prompt_of(self.family, self.model, self.processor, tokenizer)
        return ReferenceModel(self.family, self.model, Prompting(prompt, tokenizer))


@pytest.fixture(scope="module", params=MAKERS)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    folder = tmp_path_factory.mktemp(request.param)
    MAKERS[request.param](folder)
    return Checkpoint(folder)


@pytest.mark.parametrize("size", GRIDS)
def test_a_devices_tiles_are_the_processors(checkpoint: Checkpoint, size: tuple[int, int]) -> None:
    expected = processed(checkpoint, picture := scene(*size))

    resized = checkpoint.preprocessor.resize(picture)
    pixels = checkpoint.preprocessor.pixels(resized)

    assert (
        checkpoint.preprocessor.grid(resized)
        == GRIDS[size]
        == (expected["rows"][0][0], expected["cols"][0][0])
    )
    assert pixels.shape == expected["pixel_values"][0].shape
    # two resizes, each a rounding tie off
    assert np.abs(pixels - expected["pixel_values"][0]).max() <= 3 * 2 / 255
    np.testing.assert_array_equal(
        checkpoint.family.pixels(checkpoint.processor, [picture]), expected["pixel_values"][0]
    )


@pytest.mark.parametrize("size", GRIDS)
def test_what_a_device_uploads_becomes_the_same_tiles_in_the_cloud(
    checkpoint: Checkpoint, size: tuple[int, int]
) -> None:
    picture = scene(*size)

    resized = checkpoint.preprocessor.resize(picture)

    (sent,) = checkpoint.family.resized(checkpoint.processor, [picture])
    assert resized.shape == sent.shape
    assert np.abs(resized.astype(int) - sent).max() <= 2
    assert resized.size <= min(picture.size, 224 * 224 * 3)
    expected = processed(checkpoint, resized)
    assert (expected["rows"][0][0], expected["cols"][0][0]) == GRIDS[size]
    assert np.abs(checkpoint.preprocessor.pixels(resized) - expected["pixel_values"][0]).max() <= 2 * 2 / 255


@pytest.mark.parametrize("size", GRIDS)
def test_the_prompt_is_that_of_idefics3s_processor(size: tuple[int, int], tmp_path: Path) -> None:
    idefics3(tmp_path)
    checkpoint, processor = Checkpoint(tmp_path), AutoProcessor.from_pretrained(tmp_path)
    content = [{"type": "image"}, {"type": "text", "text": QUESTION}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)

    made = processor(
        images=[scene(*size)], text=text, input_data_format="channels_last", add_special_tokens=False
    )

    assert checkpoint.whole.prompting.ids(QUESTION, Grid(*GRIDS[size])) == list(made["input_ids"][0])


@pytest.mark.parametrize("grid", [(0, 0), (1, 4), (4, 2), (3, 3)])
def test_a_picture_is_written_as_smolvlms_processor_writes_it(grid: tuple[int, int], tmp_path: Path) -> None:
    smolvlm(tmp_path, longest=224)
    checkpoint, (rows, columns) = Checkpoint(tmp_path), grid
    named = {
        "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>",
        "image_token": "<image>",
    }

    expected = SmolVLMProcessor.replace_image_token(
        SimpleNamespace(**named, image_seq_len=4), {"rows": [[rows]], "cols": [[columns]]}, 0
    )

    prompt = checkpoint.whole.prompting.prompt
    assert write_picture(prompt.picture, Grid(*grid)) == expected
    assert prompt.template == "USER: {picture} {question} ASSISTANT:"


def test_entering_at_any_cut_gives_the_whole_models_logits(checkpoint: Checkpoint) -> None:
    whole = checkpoint.whole
    expected = [own_logits(checkpoint, scene(*size)) for size in GRIDS]
    pixels = checkpoint.family.pixels(checkpoint.processor, [scene(*size) for size in GRIDS])
    with torch.inference_mode():
        for name, boundary in walk(checkpoint.family, checkpoint.model, pixels):
            tokens = enter(checkpoint.family, checkpoint.model, name, boundary)
            for logits, grid, tiles in zip(
                expected, GRIDS.values(), spans(map(Grid._make, GRIDS.values())), strict=True
            ):
                got = spoken(
                    whole,
                    whole.prompting.ids(QUESTION, Grid(*grid)),
                    tokens[tiles],
                    logits.argmax(-1).tolist(),
                )
                torch.testing.assert_close(got, logits, atol=1e-5, rtol=0)
    assert (expected[0][0] - expected[1][0]).abs().max() > 0.01, "the picture should matter"


@torch.inference_mode()
def test_pictures_of_several_grids_board_at_any_cut_and_are_what_they_are_alone(
    checkpoint: Checkpoint,
) -> None:
    tiled = [checkpoint.family.pixels(checkpoint.processor, [scene(*size)]) for size in ((57, 83), (41, 300))]
    assert len(tiled[0]) != len(tiled[1])
    check_boarding(checkpoint.family, checkpoint.model, *tiled)


def test_the_image_tokens_of_tiles_are_those_of_the_whole_models_own_code(checkpoint: Checkpoint) -> None:
    pixels = checkpoint.family.pixels(checkpoint.processor, [scene(57, 83)])
    assert isinstance(checkpoint.family, Causal)
    with torch.inference_mode():
        own = checkpoint.family.image_features(checkpoint.model, pixels)
    torch.testing.assert_close(
        image_tokens(checkpoint.family, checkpoint.model, pixels), own, atol=1e-5, rtol=0
    )


def test_pictures_of_different_grids_side_by_side_get_the_answer_that_each_gets_alone(
    checkpoint: Checkpoint,
) -> None:
    whole, grids = checkpoint.whole, [Grid(*grid) for grid in GRIDS.values()]
    pixels = checkpoint.family.pixels(checkpoint.processor, [scene(*size) for size in GRIDS])
    tokens = image_tokens(checkpoint.family, checkpoint.model, pixels)
    questions = [(index, QUESTION) for index in range(len(grids))]

    together = greedy(whole.family, whole.model, whole.prompting, tokens, questions, 8, grids=grids)

    alone = [
        greedy(whole.family, whole.model, whole.prompting, tokens[tiles], [(0, QUESTION)], 8, grids=[grid])[0]
        for tiles, grid in zip(spans(grids), grids, strict=True)
    ]
    assert together == alone


def test_splitting_pictures_no_larger_than_a_tile_leaves_them_whole(tmp_path: Path) -> None:
    smolvlm(tmp_path)
    processor = load_processor(tmp_path)
    plain = Checkpoint(tmp_path).family.preprocessing(processor)
    processor.image_processor.do_image_splitting = True
    assert Checkpoint(tmp_path).family.preprocessing(processor) == plain


@pytest.mark.parametrize(("longest", "message"), [(225, "longest edge of 225"), (8192, "up to 4096")])
def test_a_resize_that_an_upload_could_not_go_through_twice_is_refused(
    longest: int, message: str, tmp_path: Path
) -> None:
    smolvlm(tmp_path, longest=224)
    checkpoint = Checkpoint(tmp_path)
    checkpoint.processor.image_processor.size = {"longest_edge": longest}
    with pytest.raises(CheckpointError, match=message):
        checkpoint.family.preprocessing(checkpoint.processor)


def processed(checkpoint: Checkpoint, picture: Any) -> Any:
    """By the family's own processor, nothing of ours between."""
    made = checkpoint.processor.image_processor(
        [[picture]], return_tensors="np", input_data_format="channels_last", return_row_col_info=True
    )
    assert made["pixel_attention_mask"].all()
    return made


@torch.inference_mode()
def own_logits(checkpoint: Checkpoint, picture: Any) -> torch.Tensor:
    """The whole model's greedy logits, given what its own processor makes, mask and all."""
    made = processed(checkpoint, picture)
    ids = torch.tensor(
        [checkpoint.whole.prompting.ids(QUESTION, Grid(made["rows"][0][0], made["cols"][0][0]))]
    )
    inputs = {name: torch.from_numpy(made[name]) for name in ("pixel_values", "pixel_attention_mask")}
    out = checkpoint.model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        **inputs,
        do_sample=False,
        return_dict_in_generate=True,
        output_logits=True,
        **SIX,
    )
    return torch.cat(list(out.logits))
