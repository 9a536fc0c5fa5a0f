"""What the tail runs on, and in which floating point."""

import pytest
import torch

from cloud.models.placement import choose
from protos.errors import RequestError


def test_the_measured_precision_says_why() -> None:
    placement = choose("cpu", "auto", 64)
    assert placement.dtype in (torch.float32, torch.bfloat16)
    assert "measured now" in placement.why


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(RequestError, match="--device cpu"):
        choose("cuda", "auto", 64)
