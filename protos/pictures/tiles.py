"""The grid of tiles that a picture is cut into: what a device makes, a request claims, and a prompt is
written for.
"""

from collections.abc import Iterable
from itertools import accumulate
from math import isqrt
from typing import NamedTuple

from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.errors import PayloadError


class Grid(NamedTuple):
    """Rows and columns of tiles, behind which the whole picture is one tile more; none of either: one tile
    alone.
    """

    rows: int = 0
    columns: int = 0

    @property
    def tiles(self) -> int:
        """How many tiles there are in all."""
        return self.rows * self.columns + 1


ONE_TILE = Grid()


def spans(grids: Iterable[Grid]) -> list[slice]:
    """Where each picture's tiles lie, when those of all pictures come one after another."""
    ends = list(accumulate(grid.tiles for grid in grids))
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def max_tiles(preprocessing: pb.Preprocessing) -> int:
    """How many tiles a picture can become."""
    return preprocessing.tiles.max if preprocessing.HasField("tiles") else 1


def largest_grid(preprocessing: pb.Preprocessing) -> Grid:
    """A grid of as many tiles as a picture can become, about as high as wide."""
    inside = max_tiles(preprocessing) - 1
    rows = isqrt(inside)
    return Grid(rows, inside // rows) if rows else ONE_TILE


def claimed_grid(features: ip.Features | ip.WatchOpening, preprocessing: pb.Preprocessing) -> Grid:
    """The grid that a request says its features are of. Raises PayloadError for one that no picture
    becomes.
    """
    grid, most = Grid(features.rows, features.columns), max_tiles(preprocessing)
    if not grid.rows == grid.columns == 0 and (0 in grid or grid.tiles > most):
        message = (
            f"the features are of a picture in {grid.rows} x {grid.columns} tiles and the whole; "
            f"this model takes at most {most}"
        )
        raise PayloadError(
            f"{message}: prepare the picture with this bundle", rows=grid.rows, columns=grid.columns
        )
    return grid
