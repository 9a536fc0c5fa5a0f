import numpy as np
import pytest

from bench.leakage.similarity import psnr, ssim
from splitter.nano.scenes import picture


def test_a_picture_is_wholly_like_itself() -> None:
    image = picture(1).image
    assert ssim(image, image) == pytest.approx(1)
    assert psnr(image, image) > 300


def test_similarity_falls_with_noise_and_psnr_is_that_of_the_formula() -> None:
    image = picture(1).image.clip(40, 215)
    noise = np.random.default_rng(0).choice([-20, 20], image.shape)
    near, far = ((image + part).astype(np.uint8) for part in (noise // 4, noise))
    assert psnr(image, far) == pytest.approx(20 * np.log10(255 / 20), abs=1e-6)
    assert psnr(image, near) > psnr(image, far)
    assert 1 > ssim(image, near) > ssim(image, far)


def test_a_brighter_picture_keeps_its_structure() -> None:
    image = picture(2).image.clip(0, 200)
    assert ssim(image, (image + 20).astype(np.uint8)) > 0.8 > ssim(image, picture(3).image)
