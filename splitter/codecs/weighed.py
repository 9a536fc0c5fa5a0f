"""How a tensor is taken for coding, and what its errors cost: found by trying each arrangement through the
tail.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splitter.codecs import arrangements
from splitter.codecs.arrangements import APART, TURNED
from splitter.codecs.arrays import Doubles, Floats
from splitter.codecs.fitting import Transform, through, transform, turned

TensorLoss = Callable[[Floats], float]  # of a tensor (pictures, tokens, width) that was received

_TRIED = (0.02, 0.08)  # distortions
_MIN = 1e-9


@dataclass(frozen=True)
class Weighed:
    """An arrangement of tokens, and what a small error of one of them costs the tail, or of a group: nothing
    known without a metric.
    """

    arrangement: str = APART
    metric: Doubles | None = None

    def transform(self, values: Floats) -> Transform:
        """The transform of a tensor (pictures, tokens, width)."""
        made = transform(values, self.metric, arrangements.grouping(self.arrangement, values.shape[1]))
        return turned(made) if self.arrangement == TURNED else made


@dataclass(frozen=True)
class GroupFisher:
    """The Fisher matrix of a group of a tensor's tokens: `order` (groups, members) of an arrangement; of one
    member where there is none.
    """

    arrangement: str
    order: NDArray[np.int64]
    matrix: Doubles

    @property
    def judged(self) -> bool:
        """Whether the candidates are worth trying: of a tensor without groups, or a wide one, the last is
        taken.
        """
        return len(self.order[0]) > 1

    def candidates(self) -> list[Weighed]:
        """The ways to take the tensor that its size allows."""
        tokens, members = int(self.order.max()) + 1, self.order.shape[1]
        single = arrangements.own(self.matrix, members)
        turning = [Weighed(TURNED, single)] if arrangements.can_turn(tokens) else []
        grouped = (
            [Weighed(self.arrangement, arrangements.smoothed(self.matrix, members, len(self.order)))]
            if members > 1
            else []
        )
        return [Weighed(APART, single), *turning, *grouped]


def best(tried: Sequence[Weighed], calibration: Floats, judged: Floats, loss: TensorLoss) -> Weighed:
    """The one that takes fewest bits at an equal loss: fitted on some pictures (pictures, tokens, width),
    judged on others.
    """
    curves = [_curve(one.transform(calibration), judged, loss) for one in tried]
    common = np.mean([curve[1] for curve in curves])
    return tried[int(np.argmin([_at(common, *curve) for curve in curves]))]


def _curve(fitted: Transform, judged: Floats, loss: TensorLoss) -> tuple[Doubles, Doubles]:
    """The logarithms of bits and of losses."""
    sent = [through(fitted, judged, distortion) for distortion in _TRIED]
    return np.log([bits for bits, _ in sent]), np.log([max(loss(received), _MIN) for _, received in sent])


def _at(common: np.floating, bits: Doubles, losses: Doubles) -> float:
    """Where the line through two points has the common loss."""
    (fine, coarse), (less, more) = bits, losses
    slope = (coarse - fine) / (more - less) if more > less else 0.0
    return float(fine + slope * (common - less))
