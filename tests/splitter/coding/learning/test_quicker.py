"""The arithmetic that is quicker here is taken, whichever it is."""

import time

import pytest
import torch

from splitter.coding.learning.quicker import quicker


@pytest.mark.parametrize("slow_in_half", [True, False])
def test_the_quicker_arithmetic_is_taken(slow_in_half: bool) -> None:
    def work() -> None:
        if torch.is_autocast_enabled("cpu") == slow_in_half:
            time.sleep(0.05)

    with quicker(work):
        assert torch.is_autocast_enabled("cpu") != slow_in_half
    assert not torch.is_autocast_enabled("cpu")
