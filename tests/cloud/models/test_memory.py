"""Whether a further model finds room."""

import psutil
import pytest
import torch

from cloud.models.memory import MemoryBudget, free_bytes
from protos.errors import BundleError

CPU = torch.device("cpu")
MB = 1_000_000


def test_no_more_is_free_than_the_machine_has() -> None:
    assert 0 < free_bytes(CPU) <= psutil.virtual_memory().total


def test_a_limit_counts_what_is_loaded() -> None:
    budget = MemoryBudget(100 * MB)
    assert budget.left(1000 * MB, 40 * MB) == 60 * MB
    assert budget.left(1000 * MB, 140 * MB) == 0
    budget.check("nano", 50 * MB, CPU, 40 * MB)
    with pytest.raises(
        BundleError, match=r"nano needs 61.2 MB on cpu \(51 MB of weights and 20%.* 60 MB are"
    ):
        budget.check("nano", 51 * MB, CPU, 40 * MB)


def test_without_a_limit_what_the_machine_has_bounds_it() -> None:
    with pytest.raises(BundleError, match="unload another bundle first"):
        MemoryBudget().check("huge", psutil.virtual_memory().total, CPU, 0)
