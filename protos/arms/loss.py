"""How far a measured loss counts: the one rule of policy, plan and split."""

import math
from typing import Protocol

NOISE = 1.645  # standard errors: a way that loses nothing seems to lose more once in twenty measurements


class Measured(Protocol):
    """What measurements hold of a way to answer."""

    @property
    def accuracy(self) -> float: ...

    @property
    def loss_error(self) -> float: ...


def sure_loss(points: float, error: float) -> float:
    """Points below the whole model, as far as they are beyond noise: max(0, points - 1.645 error).

    `error`: the standard error of the paired difference, on the same pictures. This is the lower end of the
    one-sided 95% interval of the loss. Most ways lose nothing or very little, and of many that are compared
    some always seem worse than they are: to take every difference at its face punishes half of those that
    are as good as the whole model, and makes whoever chooses among twenty pay for noise. Soft thresholding
    is what such a sparse vector is estimated by (Donoho and Johnstone, 1994, Biometrika 81); unlike a test
    of significance it makes no jump, so that one picture more does not turn a decision. Its price is that
    few pictures forgive much: a split says what it could not tell, and how many pictures would.
    """
    return max(0.0, points - NOISE * error)


def sure_loss_of(way: Measured, whole_accuracy: float) -> float:
    """The same of a way that was measured."""
    return sure_loss(whole_accuracy - way.accuracy, way.loss_error)


def pictures_needed(pictures: int, error: float, points: float = 1.0) -> int:
    """How many pictures would tell a loss of so many points from noise, where so many gave this standard
    error: (1.645 deviation / points)^2, for errors shrink with the root of what they are taken over.
    """
    return math.ceil(pictures * (NOISE * error / points) ** 2)
