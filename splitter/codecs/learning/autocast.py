"""The tail in BF16 where this machine multiplies faster in it: twice to five times with AMX, slower than FP32
without.
"""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from splitter.families import Boundary

_MARGIN = 0.9  # it rounds more, so it must win by a tenth


class Loss(Protocol):
    """The loss of each of some pictures (pictures) of which this was received, and the boundary was that;
    another `turn` asks others.
    """

    def __call__(
        self, received: Boundary, exact: Boundary, pictures: Sequence[int], turn: int, /
    ) -> Tensor: ...


class Autocast:
    """A loss whose products of matrices are in BF16. The codec before it is not: its codes would be rounded
    twice.
    """

    def __init__(self, loss: Loss) -> None:
        self._loss = loss

    def __call__(self, received: Boundary, exact: Boundary, pictures: Sequence[int], turn: int) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return self._loss(received, exact, pictures, turn).float()


def autocast_if_faster(loss: Loss, work: Callable[[Loss], None]) -> Loss:
    """The loss, or the same halved: with which some work takes less time here, found by doing it with
    both.
    """
    single, halved = _seconds(work, loss), _seconds(work, Autocast(loss))
    return Autocast(loss) if halved < _MARGIN * single else loss


def _seconds(work: Callable[[Loss], None], loss: Loss) -> float:
    """The second of two runs: the first makes what is kept."""
    work(loss)
    begin = time.perf_counter()
    work(loss)
    return time.perf_counter() - begin
