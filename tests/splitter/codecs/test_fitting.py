"""A transform is fitted to some pictures at a time, so that a wide boundary of many pictures has room."""

import numpy as np
import pytest

from splitter.codecs import fitting

PICTURES, TOKENS, WIDTH = 10, 6, 12


@pytest.mark.parametrize("weighed", [True, False])
def test_a_few_pictures_at_a_time_fit_what_all_at_once_do(
    weighed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    values = (rng.standard_normal((PICTURES, TOKENS, WIDTH)) @ rng.standard_normal((WIDTH, WIDTH))).astype(
        np.float32
    )
    metric = np.cov(rng.standard_normal((WIDTH, 40))) if weighed else None
    whole, received = fitting.transform(values, metric), fitting.coarse(values, 0.1)

    monkeypatch.setattr(fitting, "_MAX_NUMBERS", 3 * TOKENS * WIDTH)
    parts = fitting.transform(values, metric)

    np.testing.assert_allclose(np.abs(parts.analysis), np.abs(whole.analysis), atol=1e-4)
    np.testing.assert_allclose(fitting.coarse(values, 0.1), received, atol=1e-3)


def test_one_token_far_wider_than_all_others_still_gets_tables() -> None:
    values = np.random.default_rng(0).standard_normal((20, 100, 200)).astype(np.float32)
    values[:, 0, 0] *= 1000

    apart = fitting.transform(values)

    symbols = [len(frequency) for frequency in apart.level(apart.step(0.001)).tables.frequency]
    assert 1000 < max(symbols) <= 4096
