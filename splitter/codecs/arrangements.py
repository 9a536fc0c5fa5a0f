"""How the tokens of a tensor may be taken for coding: one by one, mixed over the whole picture, or as groups
of neighbours.
"""

import math

import numpy as np
from numpy.typing import NDArray

from protos.codec.token_groups import Grouping
from splitter.codecs.arrays import Doubles

APART, TURNED, SQUARES, RUNS = "apart", "turned", "squares", "runs"
GROUPED = (SQUARES, RUNS)
_SIDE = 2  # of a square of tokens
_MEMBERS = _SIDE * _SIDE
_MAX_TURNED = 1024  # tokens; the matrix that mixes them grows with the square
_BELIEF = 4  # gradients for each direction, at which half of a matrix is believed
_LOOKED_AT = 16  # pictures
_WIDEST_GROUP = 4096  # numbers: principal directions of more take minutes and gigabytes


def can_turn(tokens: int) -> bool:
    """Whether so many tokens can be mixed over the whole picture."""
    return 1 < tokens <= _MAX_TURNED


def nearest(values: NDArray[np.float32]) -> tuple[str, NDArray[np.int64]]:
    """The arrangement of a tensor (pictures, tokens, width) whose groups are most alike, and its order
    (groups, members).

    Where it has no groups, or they would be too wide, each token is one.
    """
    tokens, width = values.shape[1:]
    orders = {name: _order(name, tokens) for name in GROUPED if _MEMBERS * width <= _WIDEST_GROUP}
    found = {name: order for name, order in orders.items() if order is not None}
    if not found:
        return APART, np.arange(tokens)[:, None]
    name = min(found, key=lambda name: float(values[:_LOOKED_AT, found[name]].var(2).mean()))
    return name, found[name]


def grouping(arrangement: str, tokens: int) -> Grouping | None:
    """The groups of an arrangement that has some."""
    order = _order(arrangement, tokens)
    return None if order is None else Grouping(order)


def _order(arrangement: str, tokens: int) -> NDArray[np.int64] | None:
    if arrangement == SQUARES:
        return _squares(tokens)
    return np.arange(tokens).reshape(-1, _MEMBERS) if arrangement == RUNS and tokens % _MEMBERS == 0 else None


def _squares(tokens: int) -> NDArray[np.int64] | None:
    """2 x 2 of a square picture's patches, row by row; a class token before them is a group by itself."""
    side = math.isqrt(tokens)
    first = tokens - side * side
    if first > 1 or side < _SIDE or side % _SIDE:
        return None
    half = side // _SIDE
    patches = (
        np.arange(side * side).reshape(half, _SIDE, half, _SIDE).transpose(0, 2, 1, 3).reshape(-1, _MEMBERS)
    )
    alone = np.zeros((first, _MEMBERS), np.int64)
    return np.concatenate([alone, patches + first])


def gathered(gradients: NDArray[np.float32], order: NDArray[np.int64]) -> Doubles:
    """Gradients (pictures, tokens, width) as those of groups of different tokens: (pictures * groups, members
    * width).
    """
    several = order[[len(set(group)) == len(group) for group in order.tolist()]]
    taken = gradients[:, several.ravel()]
    return taken.reshape(-1, several.shape[1] * gradients.shape[-1]).astype(np.float64)


def smoothed(metric: Doubles, members: int, groups: int) -> Doubles:
    """A group's Fisher matrix, in part as if places in the group and directions of a token went their own
    ways.

    The whole of it is measured on few gradients, one for each of the `groups` of a picture, and every picture
    counts 1 in its trace; the product of two small ones is sure. The fewer gradients there are, the more it
    takes.
    """
    width, total = len(metric) // members, float(np.trace(metric))
    if total <= 0:
        return metric
    places = np.einsum("aibi->ab", metric.reshape(members, width, members, width))
    share = total * groups / (total * groups + _BELIEF * len(metric))
    return np.asarray(share * metric + (1 - share) * np.kron(places, own(metric, members)) / total)


def own(metric: Doubles, members: int) -> Doubles:
    """The Fisher matrix of a token (width, width) out of that of its group: the sum over places."""
    width = len(metric) // members
    return np.asarray(np.einsum("aiaj->ij", metric.reshape(members, width, members, width)))
