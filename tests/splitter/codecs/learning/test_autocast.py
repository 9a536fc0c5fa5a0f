"""The arithmetic that is quicker here is taken, whichever it is."""

import time
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from splitter.codecs.learning.autocast import Loss, autocast_if_faster
from splitter.families import Boundary

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("slow_in_half", [True, False])
def test_the_quicker_arithmetic_is_taken(slow_in_half: bool) -> None:
    def in_half(*_: Boundary | Sequence[int] | int) -> Tensor:
        if torch.is_autocast_enabled("cpu") == slow_in_half:
            time.sleep(0.05)
        return torch.tensor(float(torch.is_autocast_enabled("cpu")))

    def work(loss: Loss) -> None:
        loss({}, {}, [], 0)

    assert bool(autocast_if_faster(in_half, work)({}, {}, [], 0)) != slow_in_half
    assert not torch.is_autocast_enabled("cpu")
