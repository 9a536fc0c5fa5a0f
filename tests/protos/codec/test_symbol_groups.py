"""Codes of narrow tables, several at a time: what comes back, what it takes, and what damaged bytes give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from protos.codec import rans
from protos.codec.symbol_groups import JointTable, SymbolGroups, bits, joint
from protos.errors import PayloadError

TABLES, WIDEST = 3, 6
WHICH = np.array([0] * 11 + [1] * 6 + [2] * 5 + [0] * 2)  # of the first two some are left over


def plain() -> rans.Tables:
    counts = np.array([1, 2, 4, 8, 30, 90, 400, 90, 30, 8, 4, 2, 1])
    return rans.Tables([-WIDEST] * TABLES, [rans.frequencies(counts)] * TABLES)


def joints() -> list[JointTable | None]:
    seen = np.random.default_rng(0).laplace(0, 0.5, (400, 12)).round().astype(int).clip(-WIDEST, WIDEST)
    return [joint(seen, 4, 1), joint(seen, 2, 3), None]


@given(
    arrays(np.int16, st.tuples(st.integers(1, 3), st.just(len(WHICH))), elements=st.integers(-WIDEST, WIDEST))
)
def test_whatever_is_sent_comes_back(sent: np.ndarray) -> None:
    coder = SymbolGroups(plain(), joints(), WHICH)
    data = coder.encode(sent)
    np.testing.assert_array_equal(coder.decode(data, len(sent)), sent)
    assert len(data) <= rans.max_bytes(coder.max_symbols) * len(sent)


def test_without_joints_bytes_are_the_tables_own() -> None:
    sent = np.random.default_rng(1).integers(-WIDEST, WIDEST + 1, (2, len(WHICH)), np.int16)
    assert SymbolGroups(plain(), [], WHICH).encode(sent) == plain().encode(sent.ravel(), np.tile(WHICH, 2))


def test_zeros_are_a_fraction_of_the_symbols() -> None:
    coder = SymbolGroups(plain(), joints(), WHICH)
    assert len(coder._alphabets) == 3 + 1 + 3 + 5


@given(st.binary(max_size=80))
def test_any_bytes_are_codes_or_a_typed_error(data: bytes) -> None:
    coder = SymbolGroups(plain(), joints(), WHICH)
    try:
        sent = coder.decode(data, 1)
    except PayloadError:
        return
    assert (np.abs(sent) <= WIDEST).all()


def test_the_ideal_length_is_that_of_a_long_payload() -> None:
    rng, (how, *_), tables = np.random.default_rng(2), joints(), plain()
    codes = rng.laplace(0, 0.5, (1, 4002)).round().astype(int).clip(-WIDEST, WIDEST)
    coder = SymbolGroups(
        rans.Tables(tables.low[:1], tables.frequency[:1]), [how], np.zeros(codes.shape[1], int)
    )
    assert 8 * len(coder.encode(codes)) == pytest.approx(
        bits(codes, -WIDEST, tables.frequency[0], how), rel=0.02
    )


@pytest.mark.parametrize(
    ("members", "reach", "size"), [(4, 1, 81), (1, 1, 4), (10**9, 1, 82), (2, 10**9, 50)]
)
def test_a_joint_table_of_another_size_is_refused(members: int, reach: int, size: int) -> None:
    with pytest.raises(ValueError, match="joint table"):
        JointTable(members, reach, rans.frequencies(np.ones(size, int)))
