"""A model whose language part stays on disk: split by image tokens, served and planned with as any other."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import isthmus
from cloud.models.tail import Tail
from protos.bundle import Bundle
from protos.costs.estimates import CloudEstimate
from protos.errors import CheckpointError
from splitter.evaluate.verify import image_tokens
from splitter.families.causal import Causal
from splitter.families.files.checkpoint import read_tensors
from splitter.families.loading import Checkpoint
from splitter.recipe import Options
from splitter.silence import silence_libraries
from splitter.split import split
from splitter.stages.load import needs_language
from tests.cloud.calling import FP32, calling, picture_request
from tests.splitter.families.checkpoints import llava_clip
from tests.splitter.families.made import Made
from tests.splitter.families.test_families import scene_picture

pytestmark = pytest.mark.slow


def test_without_its_language_model_every_family_sees_the_same(made: Made) -> None:
    checkpoint = Checkpoint(made.folder)
    if not isinstance(checkpoint.family, Causal):
        assert not checkpoint.language, "only what is known to be text is left out"
        return
    seeing = checkpoint.model(language=False)
    with torch.inference_mode():
        expected = image_tokens(checkpoint.family, made.model, made.pixels)
        assert torch.equal(image_tokens(checkpoint.family, seeing, made.pixels), expected)
        torch.testing.assert_close(
            checkpoint.family.image_features(seeing, made.pixels), expected, atol=1e-5, rtol=0
        )
    assert {weight.device.type for weight in seeing.parameters()} == {"cpu", "meta"}


@pytest.fixture(scope="module")
def options(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Options:
    folder = tmp_path_factory.mktemp("large")
    llava_clip(folder)
    return Options(
        folder,
        cuts=("vision.1",),
        calibration=photos,
        calibration_pictures=6,
        report_pictures=2,
        measure="features",
    )


@pytest.fixture(scope="module")
def bundle(options: Options, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    said: list[str] = []
    with silence_libraries():
        made = split(options, tmp_path_factory.mktemp("features") / "bundle", say=said.append)
    assert any("stays on disk" in line and "--measure answers loads it" in line for line in said)
    assert any("largest difference of image tokens" in line for line in said)
    return made


def test_its_losses_are_the_image_tokens_cosine(bundle: Bundle) -> None:
    assert bundle.measurements.measure == "cosine"
    report = json.loads((bundle.path / "report.json").read_text())
    rows = {row["route"]: row for row in report["rows"]}
    assert report["measure"] == "cosine"
    assert max(report["identity"].values()) < 1e-4
    assert rows["whole"]["by_kind"] == {"cosine": pytest.approx(100, abs=1e-3), "relative error": 0}
    near, far = rows["split@connector/fp16-zstd"], min(rows.values(), key=lambda row: row["accuracy"])
    assert 100 > near["accuracy"] > far["accuracy"] > 0
    assert near["by_kind"]["relative error"] < far["by_kind"]["relative error"]


def test_its_tail_is_whole_and_answers(bundle: Bundle, options: Options) -> None:
    tensors = read_tensors(bundle.folder("cloud"))
    assert tensors.keys() == read_tensors(options.checkpoint).keys()
    assert {tensor.dtype for tensor in tensors.values()} == {"F16"}


async def test_the_service_answers_from_it(bundle: Bundle) -> None:
    async with calling(Tail(bundle, FP32)) as caller:
        got = await caller.ask(picture_request(bundle, scene_picture(), "what color is the circle"))
    assert got.text


def test_what_the_language_model_takes_is_not_guessed(
    bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    times = CloudEstimate.from_measurements(bundle.measurements)
    assert (times.prefill_ms, times.token_ms) == (0, 0)
    assert all(cut.cloud_milliseconds > 0 for cut in bundle.measurements.cuts.values())
    assert isthmus.main(["plan", "--bundle", str(bundle.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


def test_an_answer_on_the_device_needs_what_was_left_out(options: Options) -> None:
    with pytest.raises(
        CheckpointError,
        match=r"--with-local needs the language model in memory, 0\.0 GB as FP32: leave it out",
    ):
        needs_language(Checkpoint(options.checkpoint), replace(options, with_local=True))


def test_by_itself_a_split_leaves_out_only_large_language_models(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, auto = Checkpoint(options.checkpoint), replace(options, measure="auto")
    assert needs_language(checkpoint, auto)
    monkeypatch.setattr("splitter.stages.load.MAX_LANGUAGE_BYTES", checkpoint.language_bytes - 1)
    assert not needs_language(checkpoint, auto)
