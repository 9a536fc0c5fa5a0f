"""The device and dtype that the tail runs on."""

import pytest
import torch

from cloud.models.placement import Placement, choose, gpu_dtypes
from protos.errors import RequestError

FP32, FP16, BF16 = torch.float32, torch.float16, torch.bfloat16


@pytest.mark.parametrize(
    ("own", "bf16", "expected"),
    [
        (BF16, True, [BF16]),
        (BF16, False, [FP16, FP32]),  # a GPU before Ampere: FP16 where that can hold the numbers
        (FP16, True, [FP16, BF16]),
        (FP16, False, [FP16, FP32]),
        (FP32, True, [FP16, BF16]),
        (FP32, False, [FP16, FP32]),
    ],
)
def test_a_gpu_takes_the_checkpoints_own_dtype_and_then_one_that_reaches_farther(
    own: torch.dtype, *, bf16: bool, expected: list[torch.dtype]
) -> None:
    found = gpu_dtypes(own, bf16=bf16)
    assert [dtype for dtype, _ in found] == expected
    assert all(why for _, why in found)


@pytest.mark.parametrize("own", [FP32, FP16, BF16])
def test_a_cpu_takes_a_dtype_that_holds_every_checkpoint_by_measuring(own: torch.dtype) -> None:
    (placement,) = choose("cpu", "auto", 64, own)
    assert placement.dtype in (FP32, BF16)
    assert "measured now" in placement.why


def test_a_dtype_that_was_asked_for_is_the_only_one() -> None:
    (placement,) = choose("cpu", "float16", 64, BF16)
    assert placement.dtype == FP16
    assert placement.why.startswith("asked for")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(RequestError, match="--device cpu"):
        choose("cuda", "auto", 64, BF16)


def test_numbers_come_out_otherwise_in_another_dtype() -> None:
    cpu = torch.device("cpu")
    full, half = (Placement(cpu, dtype, "for tests") for dtype in (FP32, BF16))
    assert full.numerics == Placement(cpu, FP32, "for another reason").numerics != half.numerics
