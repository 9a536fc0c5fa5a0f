"""What passes between the two halves: the boundary of a picture, and the image tokens of several."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from protos import codec as wire
from protos.pictures.tiles import ONE_TILE, Grid

Boundary = Mapping[str, wire.Floats]  # of one picture, tensors (tiles, ...)


class ImageTokens(NamedTuple):
    """Image tokens (tiles, tokens, width) of some pictures one after another, and each one's grid of
    tiles.
    """

    tokens: Tensor
    grids: Sequence[Grid]


def by_tiles(received: Mapping[str, wire.Floats], grid: Grid = ONE_TILE) -> Boundary:
    """The boundary of one picture, of decoded tensors (tiles * tokens, width)."""
    return {name: tensor.reshape(grid.tiles, -1, *tensor.shape[1:]) for name, tensor in received.items()}
