"""What a manifest says of preprocessing, done by Pillow: whether it says what the checkpoint's own processor
does.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from protos import bundle_pb2 as pb
from protos.pictures.sizes import grid_of, target_size
from splitter.evaluate.subjects import Image

_FILTERS = {
    pb.Resize.BILINEAR: Pillow.Resampling.BILINEAR,
    pb.Resize.BICUBIC: Pillow.Resampling.BICUBIC,
    pb.Resize.LANCZOS: Pillow.Resampling.LANCZOS,
}


def manifest_pixels(steps: pb.Preprocessing, picture: Image) -> NDArray[np.float32]:
    """RGB (h, w, 3) to pixels (tiles, 3, h, w)."""
    image = Pillow.fromarray(picture)
    for step in steps.resizes:
        image = _resized(image, target_size(step, image.height, image.width), step.filter)
    if steps.crop_height:
        image = _cropped(image, steps.crop_height, steps.crop_width)
    tiles = _tiles(image, steps.tiles) if steps.HasField("tiles") else [image]
    mean, std = np.array(steps.mean), np.array(steps.std)
    scaled = np.stack([np.asarray(tile) * steps.rescale for tile in tiles])
    normalised = (scaled - mean) / std
    return np.ascontiguousarray(normalised.transpose(0, 3, 1, 2), np.float32)


def _resized(image: Pillow.Image, size: tuple[int, int], kind: pb.Resize.Filter) -> Pillow.Image:
    return image.resize(size[::-1], _FILTERS[kind])


def _cropped(image: Pillow.Image, height: int, width: int) -> Pillow.Image:
    """Its middle; black where it is smaller."""
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _tiles(image: Pillow.Image, spec: pb.Tiles) -> list[Pillow.Image]:
    """Row by row, and the whole picture as the last."""
    side, grid = spec.side, grid_of(image.height, image.width, spec.side)
    filled = _resized(image, (max(grid.rows, 1) * side, max(grid.columns, 1) * side), spec.filter)
    corners = [(column * side, row * side) for row in range(grid.rows) for column in range(grid.columns)]
    tiles = [filled.crop((left, top, left + side, top + side)) for left, top in corners]
    return [*tiles, _resized(filled, (side, side), spec.filter)]
