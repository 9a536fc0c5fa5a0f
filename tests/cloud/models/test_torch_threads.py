"""Threads of torch that are worth their cores."""

from collections.abc import Mapping

import pytest
import torch

from cloud.models.tail import Tail
from cloud.models.torch_threads import suitable_threads


@pytest.mark.parametrize(
    ("seconds", "suitable"),
    [
        ({4: 1.0, 2: 2.0}, 4),  # each thread does its part
        ({4: 1.0, 2: 1.0, 1: 2.0}, 2),
        ({4: 2.0, 2: 1.5, 1: 1.0}, 1),  # they wait for each other
        ({4: 1.0, 2: 1.08, 1: 1.16}, 2),  # a little longer each time is too long in the end
    ],
)
def test_threads_that_save_hardly_any_time_are_left_out(
    seconds: Mapping[int, float], suitable: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.models.torch_threads._SECONDS", 0.0)
    before = torch.get_num_threads()
    assert suitable_threads(lambda: seconds[torch.get_num_threads()], most=4) == suitable
    assert torch.get_num_threads() == before


def test_where_there_is_one_nothing_is_measured() -> None:
    def never() -> float:
        raise AssertionError

    assert suitable_threads(never, most=1) == 1


def test_a_model_is_computed_with_its_own(tail: Tail, monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.setattr(tail, "threads", before + 1)
    try:
        tail.use_threads()
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
    assert tail.trial_seconds() > 0
