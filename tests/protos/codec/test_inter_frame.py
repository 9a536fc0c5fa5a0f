"""Codes of a frame as their differences from another's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from protos.codec import inter_frame as inter
from protos.codec import rans
from protos.codec.inter_frame import FINER, InterFrameCoder, held, rounded
from protos.errors import PayloadError

Codes = NDArray[np.int16]
SPREADS = (0.3, 0.8, 2.0, 5.0, 12.0, 40.0)
TOKENS, CHANNELS = 16, 12
ROWS = np.repeat(np.arange(TOKENS), CHANNELS)
WHICH = np.tile(np.arange(CHANNELS) // 2, TOKENS)


def tables() -> rans.Tables:
    reach = [round(6 * spread) for spread in SPREADS]
    counts = [
        np.round(1e4 * np.exp(-np.abs(np.arange(-r, r + 1)) / s)).astype(np.int64)
        for r, s in zip(reach, SPREADS, strict=True)
    ]
    return rans.Tables([-r for r in reach], [rans.frequencies(c) for c in counts])


TABLES = tables()
LOW, HIGH = np.array(TABLES.low)[WHICH], np.array(TABLES.high)[WHICH]
INTER = InterFrameCoder(TABLES, WHICH, ROWS)


def frame(seed: int, tiles: int = 1) -> Codes:
    drawn = np.random.default_rng(seed).laplace(0, np.array(SPREADS)[WHICH], (tiles, len(WHICH)))
    return np.round(drawn).clip(LOW, HIGH).astype(np.int16)


def moved(codes: Codes, tokens: int, seed: int = 0) -> Codes:
    """The same with some tokens drawn anew by half."""
    rows = np.random.default_rng(seed).choice(TOKENS, tokens, replace=False)
    return (
        np.where(np.isin(ROWS, rows), (codes + frame(seed + 1, len(codes))) // 2, codes)
        .clip(LOW, HIGH)
        .astype(np.int16)
    )


def extreme(seed: int) -> Codes:
    """Codes at the ends of their tables: differences that no law reaches."""
    return np.where(np.random.default_rng(seed).random((1, len(WHICH))) < 0.5, LOW, HIGH).astype(np.int16)


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.integers(0, 2**32), st.integers(0, TOKENS), st.integers(1, 3))
def test_any_frame_comes_back_from_any_reference(first: int, second: int, tokens: int, tiles: int) -> None:
    reference = frame(first, tiles)
    for codes in (
        frame(second, tiles),
        moved(reference, tokens, second),
        np.repeat(extreme(second), tiles, 0),
    ):
        back = INTER.decode(INTER.encode(codes, reference), reference)
        np.testing.assert_array_equal(back, codes)
        assert back.dtype == np.int16


def test_a_frame_that_did_not_change_costs_nothing() -> None:
    assert INTER.encode(frame(1), frame(1)) == b""


def test_the_less_changed_the_less_it_costs() -> None:
    key = len(TABLES.encode(frame(1)[0], WHICH))
    costs = [len(INTER.encode(moved(frame(1), tokens), frame(1))) for tokens in (1, 4, 8, 16)]
    assert costs == sorted(costs)
    assert costs[0] < key / 5
    assert costs[-1] < key


def test_lively_rows_among_calm_ones_have_a_law_of_their_own() -> None:
    noisy = (frame(1) + np.random.default_rng(0).integers(-1, 2, frame(1).shape) * (WHICH > 3)).clip(
        LOW, HIGH
    )
    codes = np.where(ROWS % 4 == 0, frame(2), noisy).astype(np.int16)
    data = INTER.encode(codes, frame(1))
    assert data[0] >> 4 != data[0] & 15
    np.testing.assert_array_equal(INTER.decode(data, frame(1)), codes)


def test_a_table_of_a_single_symbol_needs_nothing() -> None:
    single = InterFrameCoder(rans.Tables([5], [[1 << rans.PRECISION]]), np.zeros(4, np.int64), np.arange(4))
    codes = np.full((1, 4), 5, np.int16)
    np.testing.assert_array_equal(single.decode(single.encode(codes, codes), codes), codes)


def test_the_bytes_are_the_same_on_every_machine() -> None:
    sizes, count = (3, 9, 31, 101), np.arange(64)
    alphabets = rans.Tables(
        [-(size // 2) for size in sizes],
        [[1] * (size // 2) + [4097 - size] + [1] * (size // 2) for size in sizes],
    )
    reference = (count * 7919 % 3 - 1)[None].astype(np.int16)
    codes = np.where(count % 5 == 3, (count * 31 % 9 - 4) * (count % 4 > 0), reference).astype(np.int16)
    assert (
        InterFrameCoder(alphabets, count % 4, count // 8).encode(codes, reference).hex()
        == "f0047c481f009915c20755a2890564c88b1726380038"
    )


@settings(max_examples=500)
@given(st.binary(max_size=80))
def test_random_bytes_are_codes_of_the_tables_or_a_typed_error(data: bytes) -> None:
    try:
        codes = INTER.decode(data, frame(3))
    except PayloadError:
        return
    assert codes.shape == frame(3).shape
    assert ((codes >= LOW) & (codes <= HIGH)).all()


@settings(max_examples=500)
@given(st.integers(0, 2**16), st.integers(0, 7))
def test_a_flipped_bit_is_codes_of_the_tables_or_a_typed_error(place: int, bit: int) -> None:
    data = bytearray(INTER.encode(moved(frame(4), 5), frame(4)))
    data[place % len(data)] ^= 1 << bit
    try:
        codes = INTER.decode(bytes(data), frame(4))
    except PayloadError:
        return
    assert ((codes >= LOW) & (codes <= HIGH)).all()


@pytest.mark.parametrize("end", range(1, 80, 7))
def test_a_payload_cut_short_is_refused(end: int) -> None:
    data = INTER.encode(frame(4), frame(5))
    assert end < len(data)
    with pytest.raises(PayloadError, match=r"key frame|send it again"):
        INTER.decode(data[:end], frame(5))


def test_differences_that_lead_out_of_the_tables_are_refused() -> None:
    up = INTER.encode((frame(6) * 0 + HIGH).astype(np.int16), frame(6) * 0)
    with pytest.raises(PayloadError, match="key frame"):
        INTER.decode(up, (frame(6) * 0 + HIGH).astype(np.int16))


def test_every_law_is_a_table_and_each_is_wider_than_the_last() -> None:
    made = inter._tables()
    reaches = [-low for low in made.low[: len(inter._DECAYS)]]
    assert reaches == sorted(reaches)
    assert all(f[reach] == max(f) for reach, f in zip(reaches, made.frequency, strict=False))


def test_noise_of_under_a_step_changes_no_code() -> None:
    reference, draw = frame(6), np.random.default_rng(0)
    finer = FINER * reference.astype(np.int64) + draw.integers(-3, 4, reference.shape)
    np.testing.assert_array_equal(held(finer, reference), reference)
    assert (rounded(finer) != reference).mean() > 0.2


def test_a_code_that_moves_a_step_is_rounded_afresh() -> None:
    reference = np.zeros((1, 100), np.int16)
    finer = np.zeros((1, 100), np.int64)
    finer[0, :6] = 5, -5, 4, 8, 3, -3
    np.testing.assert_array_equal(held(finer, reference)[0, :6], [1, -1, 1, 2, 0, 0])


def test_where_much_moves_nothing_is_held() -> None:
    reference, finer = np.zeros((1, 10), np.int16), np.array([[9, 9, 3, -3, 2, 0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(held(finer, reference), rounded(finer))


def test_rounding_finer_codes_is_rounding_once() -> None:
    exact = np.random.default_rng(0).normal(0, 5, 100_000)
    np.testing.assert_array_equal(rounded(np.round(exact * FINER)), np.round(exact))
