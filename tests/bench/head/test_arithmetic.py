import pytest

from bench.head.arithmetic import multiply_adds
from protos.errors import CheckpointError
from tests.bench.head.graphs import product


def test_a_product_of_two_inputs_is_attention_and_a_batch_counts_once() -> None:
    work = multiply_adds(product(["2*batch", 4, 8], [8, 16]))
    assert (work.weights, work.attention, work.other) == (0, 2 * 4 * 8 * 16, 0)


@pytest.mark.parametrize("size", ["", "batch + 1"])
def test_a_shape_that_is_not_told_is_an_error(size: str) -> None:
    with pytest.raises(CheckpointError, match="does not tell the shape of 'a'"):
        multiply_adds(product([size, 8], [8, 16]))
