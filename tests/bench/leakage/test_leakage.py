"""What features give away: the measures of likeness, and the network that makes pictures again."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from bench.codec.exam import Exam, folder, scenes
from bench.codec.matches import LABEL
from bench.leakage.inverter import Inverter, invert, train
from bench.leakage.likeness import psnr, ssim
from bench.leakage.measure import UPLOADS, Attack, Leakage, attacked
from protos.bundle import Bundle
from splitter.nano.scenes import picture
from splitter.recipe import Options
from splitter.silence import silence_libraries
from splitter.split import split
from splitter.storage.parts import Parts
from tests.splitter.families.dual_checkpoints import clip


def test_a_picture_is_wholly_like_itself() -> None:
    image = picture(1).image
    assert ssim(image, image) == pytest.approx(1)
    assert psnr(image, image) > 300


def test_likeness_falls_with_noise_and_psnr_is_that_of_the_formula() -> None:
    image = picture(1).image.clip(40, 215)
    noise = np.random.default_rng(0).choice([-20, 20], image.shape)
    near, far = ((image + part).astype(np.uint8) for part in (noise // 4, noise))
    assert psnr(image, far) == pytest.approx(20 * np.log10(255 / 20), abs=1e-6)
    assert psnr(image, near) > psnr(image, far)
    assert 1 > ssim(image, near) > ssim(image, far)


def test_a_brighter_picture_keeps_its_structure() -> None:
    image = picture(2).image.clip(0, 200)
    assert ssim(image, (image + 20).astype(np.uint8)) > 0.8 > ssim(image, picture(3).image)


@pytest.mark.parametrize(
    "shapes", [{"hidden": (17, 12)}, {"hidden": (16, 12)}, {"hidden": (16, 12), "deep": (4, 8)}]
)
def test_an_inverter_learns_to_make_pictures_of_any_boundary(shapes: dict[str, tuple[int, int]]) -> None:
    pictures = (
        torch.stack([torch.from_numpy(picture(seed).image).permute(2, 0, 1) for seed in range(8)]) / 255
    )
    pictures = torch.nn.functional.interpolate(pictures, size=(20, 20), mode="area")
    draw = torch.Generator().manual_seed(1)
    boundary = {name: torch.randn(8, *shape, generator=draw) for name, shape in shapes.items()}
    torch.manual_seed(0)
    inverter = Inverter(shapes, side=20)

    losses = train(inverter, boundary, pictures, steps=60)

    assert np.mean(losses[-5:]) < 0.3 * np.mean(losses[:5])
    made = invert(inverter, boundary)
    assert made.shape == (8, 20, 20, 3)
    assert made.dtype == torch.uint8


def test_of_each_kind_of_codec_the_finest_and_the_coarsest_are_attacked(bundle: Bundle) -> None:
    cut = bundle.cut("vision.4")
    levels = [codec.name for codec in cut.codecs if codec.name.startswith("fitted")]
    assert [codec.name for codec in attacked(cut)] == [levels[0], levels[-1], "int8-zstd", "fp16-zstd"]


def test_a_bundle_is_attacked_at_every_cut(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = attack(bundle, scenes(2), tmp_path)
    ways = [row.name for row in found.rows]
    assert ways == [
        *(f"split@{cut.name}/{codec.name}" for cut in bundle.manifest.cuts for codec in attacked(cut)),
        *(upload.name for upload in UPLOADS),
    ]
    assert found.original > max(row.understood for row in found.rows if row.name.startswith("split"))
    assert min(row.psnr for row in found.rows[-len(UPLOADS) :]) > max(
        row.psnr for row in found.rows[: -len(UPLOADS)]
    ), "after 2 steps"


def test_what_a_dual_encoder_sends_is_attacked_too(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(9):
        cv2.imwrite(str(photos / f"{seed}.png"), picture(seed).image)
    clip(tmp_path / "checkpoint")
    options = Options(
        tmp_path / "checkpoint",
        cuts=("projection",),
        calibration=photos,
        calibration_pictures=6,
        report_pictures=2,
    )
    with silence_libraries():
        found = attack(split(options, tmp_path / "bundle", say=lambda _: None), folder(photos, 2), tmp_path)
    assert (found.measure, found.original) == (LABEL, 100)


def attack(bundle: Bundle, held: Exam, place: Path) -> Leakage:
    known = [picture(seed).image for seed in range(4)]
    return Attack(bundle, known, held, steps=2, parts=Parts(place / "leakage", "test")).run(lambda _: None)
