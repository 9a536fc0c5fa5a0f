"""Which of two forms is faster, from synthetic times: no clock is asked."""

import math
from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
import pytest

from splitter.quantize.timing import CLEARLY, Timing, compared, interval


def times(*milliseconds: float, load: float = 0.0, seed: int = 0) -> Callable[[], float]:
    """Tells these, one after the other and round again, each as much longer as a busy machine makes it."""
    random = np.random.default_rng(seed)
    turns: Iterator[float] = (milliseconds[turn % len(milliseconds)] for turn in count())
    return lambda: next(turns) * (1 + load * float(random.exponential()))


def race(fp32: float, form: float, load: float = 0.0, seed: int = 0) -> Timing:
    return compared(times(fp32, load=load, seed=seed), times(form, load=load, seed=seed + 1))


def test_what_is_clearly_slower_is_told_so_on_a_busy_machine_too() -> None:
    assert all(race(4.0, 8.0, load=0.5, seed=seed).clearly_slower for seed in range(0, 40, 2))


@pytest.mark.parametrize("form", [2.0, 3.9, 4.0, 4.1, 4.3])
def test_what_is_faster_or_about_as_fast_is_never_called_clearly_slower(form: float) -> None:
    assert not any(race(4.0, form, load=1.0, seed=seed).clearly_slower for seed in range(0, 200, 2))


def test_under_a_load_that_hides_everything_nothing_is_given_up() -> None:
    assert not any(race(4.0, 4.6, load=20.0, seed=seed).clearly_slower for seed in range(0, 40, 2))


def test_a_few_interrupted_turns_decide_nothing() -> None:
    disturbed = compared(times(4.0), times(3.0, 3.0, 3.0, 40.0))
    assert not disturbed.clearly_slower
    assert disturbed.speed == pytest.approx(4 / 3)


def test_it_is_repeated_until_it_is_sure_and_no_longer() -> None:
    turns = {"sure": 0, "unsure": 0}

    def counting(name: str, *told: float) -> Callable[[], float]:
        tell = times(*told)

        def one() -> float:
            turns[name] += 1
            return tell()

        return one

    compared(times(4.0), counting("sure", 2.0))
    on_the_line = 4.0 * CLEARLY
    compared(times(4.0), counting("unsure", on_the_line - 0.5, on_the_line + 0.5))
    assert turns["sure"] == 16, "fifteen turns, and one to warm up"
    assert turns["unsure"] == 91


def test_a_machine_that_grows_busier_while_it_is_timed_favours_neither() -> None:
    busier = (1.02**turn for turn in count())
    timed = compared(lambda: 4.0 * next(busier), lambda: 4.0 * next(busier))
    assert timed.low < 1 < timed.high


def test_the_interval_is_that_of_the_sign_test() -> None:
    assert interval([1.0] * 10) == (0.0, math.inf), "too few to be sure of anything"
    assert interval([1.0] * 11) == (1.0, 1.0)
    assert interval([float(rank) for rank in range(1, 16)]) == (2.0, 14.0)
    low, high = interval([float(rank) for rank in range(1, 102)])
    assert (low, high) == (34.0, 68.0)
