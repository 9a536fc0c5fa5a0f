"""A picture to its tiles, and the whole of it as one tile more, as transformers' Idefics3 and SmolVLM
processors do it.
"""

from edge.pictures.resampling import Picture, resample
from protos import bundle_pb2 as pb
from protos.pictures.sizes import grid_of


def cut_tiles(picture: Picture, spec: pb.Tiles) -> list[Picture]:
    """A resized picture (h, w, 3) to tiles (side, side, 3), row by row, the whole of it last."""
    side, grid = spec.side, grid_of(picture.shape[0], picture.shape[1], spec.side)
    filled = resample(picture, (max(grid.rows, 1) * side, max(grid.columns, 1) * side), spec.filter)
    corners = [(row * side, column * side) for row in range(grid.rows) for column in range(grid.columns)]
    tiles = [filled[top : top + side, left : left + side] for top, left in corners]
    return [*tiles, resample(filled, (side, side), spec.filter)]
