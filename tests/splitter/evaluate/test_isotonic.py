import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.evaluate.isotonic import auroc, held_out_error, isotonic, probabilities

ANSWERS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=200)


@given(ANSWERS)
def test_shares_never_descend_and_every_answer_is_counted(answers: list[tuple[float, bool]]) -> None:
    raw, agrees = zip(*answers, strict=True)
    blocks = isotonic(raw, agrees)
    shares = [block.share for block in blocks]
    assert shares == sorted(shares)
    assert len(set(shares)) == len(shares), "those that agree alike are one block"
    assert [block.raw for block in blocks] == sorted(block.raw for block in blocks)
    assert sum(block.count for block in blocks) == len(answers)
    assert sum(block.right for block in blocks) == sum(agrees)


def test_what_is_worse_the_surer_it_is_becomes_one_block() -> None:
    raw = np.linspace(0, 1, 40)
    (block,) = isotonic(raw.tolist(), [value < 0.5 for value in raw])
    assert (block.share, block.count) == (0.5, 40)


def test_what_tells_right_from_wrong_is_recovered() -> None:
    rng = np.random.default_rng(0)
    raw = rng.uniform(size=4000)
    agrees = (rng.uniform(size=4000) < raw**2).tolist()
    told = probabilities(isotonic(raw.tolist(), agrees), [0.3, 0.6, 0.9])
    assert told == pytest.approx([0.09, 0.36, 0.81], abs=0.06)
    assert held_out_error(raw.tolist(), agrees, list(range(4000))) < 0.03


def test_a_confidence_that_is_wrong_elsewhere_has_an_error() -> None:
    """Pictures in turn agree and do not, whatever the confidence: what fits the one half is of no use."""
    raw, owners = np.tile(np.linspace(0, 1, 50), 2).tolist(), [0] * 50 + [1] * 50
    assert held_out_error(raw, [True] * 50 + [False] * 50, owners) == pytest.approx(1.0)
    assert held_out_error(raw, [True] * 100, [0] * 100) == 0.0


def test_auroc_is_the_chance_that_what_agrees_is_surer() -> None:
    assert auroc([0.9, 0.8, 0.1], [True, True, False]) == 1.0
    assert auroc([0.9, 0.8, 0.1], [False, True, True]) == 0.0
    assert auroc([0.5, 0.5], [True, False]) == 0.5, "a tie tells nothing"
    assert auroc([0.1, 0.9], [True, True]) == 0.5, "nothing to tell from"
