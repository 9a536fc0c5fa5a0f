"""A real captioner of photographs, where it lies beside the project: no processor, no chat template, no
question.
"""

import json
from pathlib import Path

import onnx
import pytest
import torch

from cloud.models.tail import Tail
from edge.pictures.preprocess import Preprocessor
from protos import inference_pb2 as ip
from protos.bundle import Bundle
from splitter.evaluate.subjects import read
from splitter.families import family_of
from splitter.families.loading import load_model, load_processor
from splitter.graph.chain import Chain, tile_by_tile
from splitter.graph.export import export_tower
from splitter.quantize.dynamic import to_int8
from splitter.quantize.loss import cosine
from splitter.quantize.smoothing import smooth
from splitter.recipe import Options
from splitter.silence import silence_libraries
from splitter.split import split
from tests.cloud.calling import FP32, calling, picture_request
from tests.splitter.quantize.graphs import with_outliers

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


def test_three_channels_a_hundred_times_as_large_cost_its_int8_head_nothing_once_smoothed() -> None:
    processor, model = load_processor(CAPTIONER), load_model(CAPTIONER)
    kind = family_of(model.config)
    photos = [read(photo) for photo in sorted((CAPTIONER / "photos").iterdir())[:8]]
    seen, held_out = (kind.pixels(processor, those).numpy() for those in (photos[:4], photos[4:]))
    with silence_libraries():
        tower = export_tower(kind, model)
    (exact,) = Chain([tower]).run(held_out)

    def loss(graph: onnx.ModelProto) -> float:
        return 100 * (1 - cosine(Chain([to_int8(graph)]).run(held_out)[0], exact))

    smoothed = with_outliers(tower)
    smooth(smoothed, tile_by_tile(seen))

    assert loss(with_outliers(tower)) > 5
    assert loss(smoothed) < loss(tower) < 1


async def test_its_caption_of_a_photo_is_the_whole_models(captioner: Bundle) -> None:
    photo = read(min((CAPTIONER / "photos").iterdir()))
    tail = Tail(captioner, FP32)
    pixels = torch.from_numpy(
        (preprocessor := Preprocessor(captioner.manifest.preprocessing)).pixels(preprocessor.resize(photo))
    )
    prompt = torch.tensor([[4] * 64 + [1]])
    out = tail.model.generate(
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
    assert got.text == tail.detokenize(out[0, 65:].tolist())
    assert len(got.text.split()) > 3
