"""A transform is fitted to some pictures at a time; its dead zones are worth their error; its tables hold what there is."""

import numpy as np
import pytest

from splitter.coding import fitting

PICTURES, TOKENS, WIDTH = 10, 6, 12


@pytest.mark.parametrize("weighed", [True, False])
def test_a_few_pictures_at_a_time_fit_what_all_at_once_do(weighed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    values = (rng.standard_normal((PICTURES, TOKENS, WIDTH)) @ rng.standard_normal((WIDTH, WIDTH))).astype(np.float32)
    metric = np.cov(rng.standard_normal((WIDTH, 40))) if weighed else None
    whole, received = fitting.transform(values, metric), fitting.coarse(values, 0.1)

    monkeypatch.setattr(fitting, "_MOST_NUMBERS", 3 * TOKENS * WIDTH)
    parts = fitting.transform(values, metric)

    np.testing.assert_allclose(np.abs(parts.analysis), np.abs(whole.analysis), atol=1e-4)
    np.testing.assert_allclose(fitting.coarse(values, 0.1), received, atol=1e-3)


def test_one_token_far_wider_than_all_others_still_gets_tables() -> None:
    values = np.random.default_rng(0).standard_normal((20, 100, 200)).astype(np.float32)
    values[:, 0, 0] *= 1000

    apart = fitting.transform(values)

    symbols = [len(frequency) for frequency in apart.level(apart.step(0.001)).tables.frequency]
    assert 1000 < max(symbols) <= 4096


@pytest.mark.parametrize("distortion", [0.01, 0.05, 0.2])
def test_a_dead_zone_takes_fewer_bits_at_an_equal_error(distortion: float, monkeypatch: pytest.MonkeyPatch) -> None:
    laplace = (np.random.default_rng(seed).laplace(scale=0.9 ** np.arange(40), size=(200, 8, 40)) for seed in (0, 1))
    calibration, others = (values.astype(np.float32) for values in laplace)

    def through() -> tuple[float, float]:
        bits, received = fitting.through(fitting.transform(calibration), others, distortion)
        return bits, float(np.square(received - others).sum())

    bits, lost = through()
    monkeypatch.setattr(fitting, "_ZONE", 0.0)
    bits_without, lost_without = through()

    assert lost == pytest.approx(lost_without, rel=0.03)
    assert bits < 0.97 * bits_without
