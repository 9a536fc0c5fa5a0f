from bench.head.arithmetic import multiply_adds
from bench.head.results import Ceiling, verdict
from tests.bench.head.graphs import product


def test_the_ceiling_of_int8_counts_attention_in_float() -> None:
    work = multiply_adds(product([1000, 1000], [1000, 1000]))
    ceiling = Ceiling(fp32_rate=1e9, int8_rate=4e9)
    assert ceiling.milliseconds("fp32", work) == ceiling.milliseconds("chain", work) == 1000
    assert ceiling.milliseconds("torch-fp32", work) is None


def test_an_int8_head_slower_than_fp32_is_said_to_be() -> None:
    assert "does not pay" not in verdict(2.0, 1.9)
    assert "FP32 is faster" in verdict(1.1, 0.9)
