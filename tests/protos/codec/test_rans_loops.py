"""The coder's loops, compiled and in Python: the same integers from the same bytes, whatever those are."""

import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protos.codec import rans_loops as loops
from protos.codec.rans import Tables
from protos.codec.rans_loops import INITIAL, TOTAL, Compiled, Plain

FREQUENCY = [[1, TOTAL - 2, 1], [TOTAL], [3000, 1000, 90, 5, 1]]
SIZES = [3, 1, 5]
WHICH = st.lists(st.integers(0, 2), max_size=300)


def placed(which: list[int], drawn: Callable[[int], int]) -> np.ndarray:
    """The place of a symbol of each alphabet."""
    begins = np.cumsum([0, *SIZES[:-1]])
    return np.array([begins[one] + drawn(SIZES[one]) for one in which], np.int64)


@settings(max_examples=300)
@given(WHICH, st.integers(0, 2**32 - 1))
def test_both_write_the_same_words_and_read_them(which: list[int], seed: int) -> None:
    places = placed(which, np.random.default_rng(seed).integers)
    state, words = Plain(FREQUENCY).write(places)
    compiled_state, compiled_words = Compiled(FREQUENCY).write(places)
    assert (state, words.tolist()) == (compiled_state, compiled_words.tolist())
    for one in (Plain(FREQUENCY), Compiled(FREQUENCY)):
        read, last, taken = one.read(state, words, 0, np.array(which, np.int64))
        assert (read.tolist(), last, taken) == (places.tolist(), INITIAL, len(words))


@settings(max_examples=1000)
@given(WHICH, st.integers(0, 2**32 - 1), st.lists(st.integers(0, 2**16 - 1), max_size=60), st.integers(0, 3))
@pytest.mark.slow
def test_both_read_the_same_of_any_words(
    which: list[int], state: int, following: list[int], taken: int
) -> None:
    words, alphabets = np.array(following, np.uint16), np.array(which, np.int64)
    begin = min(taken, len(words))
    plain, compiled = (
        one.read(state, words, begin, alphabets) for one in (Plain(FREQUENCY), Compiled(FREQUENCY))
    )
    assert plain[2] == compiled[2]
    if plain[2] <= len(words):
        assert (plain[0].tolist(), plain[1]) == (compiled[0].tolist(), compiled[1])


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Nothing is compiled yet, and what a test makes of it is forgotten."""
    loops._compiled.cache_clear()
    yield
    loops._compiled.cache_clear()


def test_without_numba_it_is_python(forgotten: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    loops.compile_loops()
    assert not loops.are_compiled()


def test_a_coder_that_is_made_already_uses_them_once_they_are_compiled(forgotten: None) -> None:
    pytest.importorskip("numba")
    tables = Tables([0, 0, 0], FREQUENCY)
    symbols, which = np.array([1, 0, 4, 2]), np.array([0, 1, 2, 0])
    before, plain = tables.encode(symbols, which), tables._loops
    loops.compile_loops()
    assert (type(plain), type(tables._loops)) == (Plain, Compiled)
    assert tables.encode(symbols, which) == before


@pytest.mark.parametrize(
    "fault", [RuntimeError("no locator available"), EOFError(), OSError(28, "no space left on device")]
)
def test_it_is_compiled_where_nothing_can_be_kept(
    fault: Exception, forgotten: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    numba = pytest.importorskip("numba")
    tried: list[bool] = []

    def njit(signature: str, *, nogil: bool, cache: bool = False) -> object:
        tried.append(cache)
        if cache:
            raise fault
        return lambda loop: loop

    monkeypatch.setattr(numba, "njit", njit)
    loops.compile_loops()
    assert loops.are_compiled()
    assert tried == [True, False, False]
