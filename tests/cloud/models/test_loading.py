"""A bundle's model, in a dtype that can hold its numbers."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import PretrainedConfig

from cloud.api.process import serve
from cloud.config import ServeConfig
from cloud.models.loading import first_that_computes, load_tail, open_tail, own_dtype
from cloud.models.placement import Placement
from cloud.models.tail import Tail
from protos.bundle import MANIFEST, Bundle, write_manifest
from protos.errors import RequestError
from splitter.families.files.checkpoint import WEIGHTS
from tests.cloud.calling import FP32, Pixels, calling, picture_request

FP16 = Placement(torch.device("cpu"), torch.float16, "for tests")
FAR = 2.0**16


@pytest.fixture(scope="module")
def far(bundle_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The same model in BF16, in which what the decoder widens to reaches 65,536 times as far: the same
    answers, by numbers beyond FP16.
    """
    folder = tmp_path_factory.mktemp("far") / "bundle"
    shutil.copytree(bundle_path, folder, ignore=shutil.ignore_patterns(MANIFEST), copy_function=os.link)
    weights = {name: tensor.bfloat16() for name, tensor in load_file(folder / "cloud" / WEIGHTS).items()}
    for name in [name for name in weights if "text_model" in name and "up_proj" in name]:
        weights[name] *= FAR
        weights[name.replace("up_proj", "down_proj")] /= FAR
    (folder / "cloud" / WEIGHTS).unlink()
    save_file(weights, folder / "cloud" / WEIGHTS, {"format": "pt"})
    write_manifest(folder, Bundle.open(bundle_path).manifest)
    return Bundle.open(folder)


def test_a_bundle_with_a_prompt_answers_questions(bundle: Bundle) -> None:
    assert isinstance(open_tail(bundle, FP32), Tail)


def test_a_cpu_holds_what_passes_fp16(far: Bundle) -> None:
    assert load_tail(far).placement.dtype in (torch.float32, torch.bfloat16)


async def test_a_model_whose_numbers_pass_fp16_gets_the_next_dtype_and_answers(
    far: Bundle, tail: Tail, scenes: list[Pixels], caplog: pytest.LogCaptureFixture
) -> None:
    found = first_that_computes(far, [FP16, FP32])

    assert found.placement == FP32
    assert "pass the 65,504 of float16" in caplog.text
    question = "what color is the background"
    async with calling(found, tail) as caller:
        got, expected = [
            await caller.ask(picture_request(bundle, scenes[0], question)) for bundle in (far, tail.bundle)
        ]
    assert got.text == expected.text


def test_what_fp16_can_hold_stays_in_it(bundle: Bundle) -> None:
    assert first_that_computes(bundle, [FP16, FP32]).placement == FP16


def test_fp16_that_was_asked_for_and_cannot_hold_it_is_refused_at_the_start(far: Bundle) -> None:
    with pytest.raises(RequestError, match=r"--dtype is float16, .* nano pass its 65,504.* --dtype bfloat16"):
        serve([far], ServeConfig((far.path,), port=0, dtype="float16"))


@pytest.mark.parametrize(
    ("said", "stored", "own"),
    [
        ("bfloat16", {"BF16"}, torch.bfloat16),
        ("bfloat16", {"F16"}, torch.bfloat16),  # it was saved as FP32, which a split narrows
        ("float32", {"F16", "BF16"}, torch.bfloat16),  # some weights pass FP16
        (None, {"BF16"}, torch.bfloat16),
        ("float16", {"F16"}, torch.float16),
        ("float32", {"F16"}, torch.float32),
        (None, {"F16"}, torch.float32),
    ],
)
def test_the_checkpoints_own_dtype(said: str | None, stored: set[str], own: torch.dtype) -> None:
    assert own_dtype(PretrainedConfig(dtype=said), stored) == own
