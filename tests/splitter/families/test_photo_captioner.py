"""A real captioner of photographs, where it lies beside the project: no processor, no chat template, no
question.
"""

import json
from pathlib import Path

import pytest
import torch

from cloud.models.tail import Tail
from edge.pictures.preprocess import Preprocessor
from protos import inference_pb2 as ip
from protos.bundle import Bundle
from splitter.evaluate.subjects import read
from splitter.recipe import Options
from splitter.silence import silence_libraries
from splitter.split import split
from tests.cloud.calling import FP32, calling, picture_request

CAPTIONER = Path(__file__).resolve().parents[3] / ".." / "shared" / "photo-captioner"
pytestmark = pytest.mark.skipif(not CAPTIONER.is_dir(), reason="the captioner is not beside the project")


@pytest.fixture(scope="module")
def captioner(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    place = tmp_path_factory.mktemp("captioner") / "bundle"
    options = Options(
        CAPTIONER,
        cuts=("connector",),
        calibration=CAPTIONER / "photos",
        calibration_pictures=6,
        report_pictures=1,
    )
    with silence_libraries():
        return split(options, place, say=lambda _: None)


def test_it_splits_with_its_own_prompt(captioner: Bundle) -> None:
    assert captioner.manifest.prompt.template == "<IMG_CONTEXT>" * 64 + "<bos>"
    assert list(captioner.manifest.prompt.stop_tokens) == [2]
    identity = json.loads((captioner.path / "report.json").read_text())["identity"]
    assert max(identity.values()) < 1e-4


async def test_its_caption_of_a_photo_is_the_whole_models(captioner: Bundle) -> None:
    photo = read(min((CAPTIONER / "photos").iterdir()))
    tail = Tail(captioner, FP32)
    pixels = torch.from_numpy(
        (preprocessor := Preprocessor(captioner.manifest.preprocessing)).pixels(preprocessor.resize(photo))
    )
    prompt = torch.tensor([[4] * 64 + [1]])
    out = tail._model.generate(
        input_ids=prompt,
        attention_mask=torch.ones_like(prompt),
        pixel_values=pixels,
        do_sample=False,
        max_new_tokens=64,
    )
    async with calling(tail) as caller:
        got = await caller.ask(
            picture_request(captioner, photo, "anything", generation=ip.Generation(max_tokens=64))
        )
    assert got.text == tail.decode(out[0, 65:].tolist())
    assert len(got.text.split()) > 3
