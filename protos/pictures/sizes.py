"""How large a picture is after a bundle's resizes, rounded as transformers rounds, and the grid of tiles that
it then becomes.
"""

import math

from protos import bundle_pb2 as pb
from protos.pictures.tiles import ONE_TILE, Grid

_LONGEST_OF_ALL = 4096  # Idefics3's bound on an edge, whatever longest_edge says


def picture_grid(preprocessing: pb.Preprocessing, height: int, width: int) -> Grid:
    """The grid that a picture of any size becomes."""
    if not preprocessing.HasField("tiles"):
        return ONE_TILE
    return grid_of(*resized_size(preprocessing, height, width), preprocessing.tiles.side)


def resized_size(preprocessing: pb.Preprocessing, height: int, width: int) -> tuple[int, int]:
    """Height and width after all resizes."""
    for step in preprocessing.resizes:
        height, width = target_size(step, height, width)
    return height, width


def target_size(step: pb.Resize, height: int, width: int) -> tuple[int, int]:
    """Height and width after a resize step: `longest_edge` is that of transformers' Idefics3 processor."""
    if step.shortest_edge:
        other = int(step.shortest_edge * max(height, width) / min(height, width))
        return (other, step.shortest_edge) if width <= height else (step.shortest_edge, other)
    if not step.longest_edge:
        return step.height, step.width
    ratio = width / height
    if width >= height:
        return _bounded(_even(int(step.longest_edge / ratio)), step.longest_edge)
    return _bounded(step.longest_edge, _even(int(step.longest_edge * ratio)))


def grid_of(height: int, width: int, side: int) -> Grid:
    """The grid of a resized picture: its longer edge is filled up to whole tiles, the other follows in
    proportion.
    """
    ratio = width / height
    if width >= height:
        columns = math.ceil(width / side)
        rows = math.ceil(int(columns * side / ratio) / side)
    else:
        rows = math.ceil(height / side)
        columns = math.ceil(int(rows * side * ratio) / side)
    return ONE_TILE if rows == columns == 1 else Grid(rows, columns)


def _even(length: int) -> int:
    return max(length + length % 2, 1)


def _bounded(height: int, width: int) -> tuple[int, int]:
    ratio = width / height
    if width >= height and width > _LONGEST_OF_ALL:
        height, width = int(_LONGEST_OF_ALL / ratio), _LONGEST_OF_ALL
    elif height > width and height > _LONGEST_OF_ALL:
        height, width = _LONGEST_OF_ALL, int(_LONGEST_OF_ALL * ratio)
    return max(height, 1), max(width, 1)
