import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from protos.codec import rans
from protos.errors import IsthmusError, PayloadError

CHANNELS = 5


def tables() -> rans.Tables:
    rng = np.random.default_rng(0)
    counts = [
        np.round(1000 * np.exp(-np.abs(np.arange(-6, 7)) / (0.3 + c))).astype(np.int64)
        for c in range(CHANNELS)
    ]
    return rans.Tables([-6] * CHANNELS, [rans.frequencies(c + rng.integers(0, 2, 13)) for c in counts])


def symbols(count: int, seed: int = 0) -> NDArray[np.int64]:
    scale = 0.3 + np.arange(CHANNELS)
    return np.clip(np.round(np.random.default_rng(seed).laplace(0, scale, (count, CHANNELS))), -6, 6).astype(
        np.int64
    )


def encode(held: rans.Tables, coded: NDArray[np.int64]) -> bytes:
    """Symbols (count, channels), an alphabet a channel."""
    return held.encode(coded.ravel(), np.tile(np.arange(coded.shape[1]), len(coded)))


def decode(held: rans.Tables, data: bytes, count: int) -> NDArray[np.int16]:
    return held.decode(data, only(np.tile(np.arange(CHANNELS), count))).reshape(count, CHANNELS)


def only(which: NDArray[np.int64]) -> rans.Path[NDArray[np.int16]]:
    return (yield which)


def ideal_bytes(held: rans.Tables, coded: NDArray[np.int64]) -> float:
    bits = [
        -np.log2(held.frequency[c][s + 6] / (1 << rans.PRECISION)) for row in coded for c, s in enumerate(row)
    ]
    return float(sum(bits)) / 8


@given(st.integers(0, 400), st.integers(0, 1000))
@settings(max_examples=100)
def test_symbols_come_back(count: int, seed: int) -> None:
    coded = symbols(count, seed)
    np.testing.assert_array_equal(decode(tables(), encode(tables(), coded), count), coded)


def test_symbols_may_say_which_alphabets_follow() -> None:
    # the first symbol says how many there are of the widest
    coded = np.array([2, 5, 5, 0, 1])
    which = np.array([0, 4, 4, 1, 1])
    data = tables().encode(coded, which)

    def path() -> rans.Path[list[int]]:
        (count,) = yield np.array([0])
        widest = yield np.full(count, 4)
        return [count, *widest, *(yield np.array([1, 1]))]

    assert tables().decode(data, path()) == coded.tolist()


@pytest.mark.parametrize("alphabet", [-1, CHANNELS, 10**6])
def test_an_alphabet_that_there_is_not_is_a_fault_of_ours(alphabet: int) -> None:
    with pytest.raises(ValueError, match=f"of {CHANNELS}"):
        tables().decode(encode(tables(), symbols(3)), only(np.array([0, alphabet])))


def test_the_payload_is_within_a_few_bytes_of_the_entropy() -> None:
    coded = symbols(500)
    assert len(encode(tables(), coded)) <= ideal_bytes(tables(), coded) * 1.002 + 4


def test_a_payload_never_exceeds_what_is_declared() -> None:
    rarest = np.full((300, CHANNELS), 6)
    assert len(encode(tables(), rarest)) <= rans.max_bytes(rarest.size)


def test_the_bytes_are_the_same_on_every_machine() -> None:
    held = rans.Tables([-1, 0], [[1024, 2048, 1024], [4000, 96]])
    coded = np.array([[0, 0], [1, 1], [-1, 0], [0, 0]])
    assert int.from_bytes(encode(held, coded), "little") == reference(held, coded)


def reference(held: rans.Tables, coded: NDArray[np.int64]) -> int:
    """The definition, in integers of any size: no word ever leaves the state."""
    state = 1 << 16
    for row in coded[::-1]:
        for channel in range(len(row) - 1, -1, -1):
            frequency = held.frequency[channel]
            index = int(row[channel]) - held.low[channel]
            state = (
                (state // frequency[index] << rans.PRECISION)
                + sum(frequency[:index])
                + state % frequency[index]
            )
    return state


def test_a_symbol_outside_its_table_is_refused() -> None:
    with pytest.raises(PayloadError, match="outside its channel's table"):
        encode(tables(), np.full((1, CHANNELS), 7))


@pytest.mark.parametrize("frequency", [[4095], [4096, 0], [5000, -904]])
def test_tables_that_are_no_distribution_are_refused(frequency: list[int]) -> None:
    with pytest.raises(ValueError, match="sum to 4096"):
        rans.Tables([0], [frequency])


@settings(max_examples=2000)
@given(st.binary(max_size=300), st.integers(0, 60))
def test_random_bytes_are_refused_or_read_as_symbols_of_the_table(data: bytes, count: int) -> None:
    try:
        read = decode(tables(), data, count)
    except IsthmusError:
        return
    assert read.shape == (count, CHANNELS)
    assert read.size == 0 or (read.min() >= -6 and read.max() <= 6)


@settings(max_examples=500)
@given(st.data())
def test_truncated_and_lengthened_payloads_are_refused(data: st.DataObject) -> None:
    whole = encode(tables(), symbols(60))
    cut = data.draw(st.integers(0, len(whole) - 1))
    for damaged in (whole[:cut], whole + bytes(data.draw(st.integers(1, 9)))):
        with pytest.raises(PayloadError):
            decode(tables(), damaged, 60)


def test_nearly_every_flipped_bit_is_noticed() -> None:
    whole = encode(tables(), symbols(60))
    missed = 0
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            decode(tables(), bytes(damaged), 60)
        except PayloadError:
            continue
        missed += 1
    assert missed <= 2
