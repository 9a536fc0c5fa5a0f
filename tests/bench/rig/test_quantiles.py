import pytest

from bench.rig.quantiles import quantile


def test_a_quantile_is_the_least_value_that_the_share_stays_within() -> None:
    times = [float(number) for number in range(1, 101)]
    assert [quantile(times, share) for share in (0.0, 0.5, 0.95, 0.99, 1.0)] == [1, 50, 95, 99, 100]
    assert [quantile([3.0, 4.0, 9.0], share) for share in (0.5, 0.95)] == [4, 9]
    assert quantile([3.0], 0.95) == 3
    with pytest.raises(IndexError):
        quantile([], 0.5)
