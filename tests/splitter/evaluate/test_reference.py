"""The reference model is read when it is needed, and let go only where that frees what others may use."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from splitter.evaluate.reference import Reference
from splitter.families import family


class Read:
    """Counts how often the model was read."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Any:
        self.times += 1
        return SimpleNamespace(model=torch.nn.Linear(2, 2))


def test_nothing_is_read_before_it_is_asked_for_and_then_once() -> None:
    read = Read()
    reference = Reference(family("llava"), read, with_language=True)
    assert read.times == 0
    assert reference.get() is reference.get()
    assert read.times == 1


def test_a_model_without_its_language_model_is_released_and_read_again() -> None:
    read = Read()
    reference = Reference(family("llava"), read, with_language=False)
    first = reference.get()
    reference.release()
    assert all(weight.numel() == 0 for weight in first.model.parameters())
    assert reference.get() is not first
    assert read.times == 2


def test_a_model_that_answers_stays() -> None:
    reference = Reference(family("llava"), Read(), with_language=True)
    first = reference.get()
    reference.release()
    assert reference.get() is first


@pytest.mark.parametrize(
    ("name", "with_language", "answers"),
    [("llava", True, True), ("llava", False, False), ("clip", True, False)],
)
def test_only_a_model_with_a_language_model_answers(name: str, *, with_language: bool, answers: bool) -> None:
    assert Reference(family(name), Read(), with_language=with_language).answers == answers


def test_a_family_that_answers_is_no_dual_encoder_and_is_not_read_to_know_it() -> None:
    read = Read()
    assert Reference(family("llava"), read, with_language=True).dual_encoder() is None
    assert read.times == 0
