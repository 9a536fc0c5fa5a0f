"""From a decoded picture to the tensor of the first piece, as the checkpoint's own processor does it with
Pillow.
"""

import numpy as np
from numpy.typing import NDArray

from edge.pictures.resampling import FILTERS, Picture, resample
from edge.pictures.tiling import cut_tiles
from protos import bundle_pb2 as pb
from protos.errors import BundleDamaged
from protos.limits import check_elongation
from protos.pictures.sizes import picture_grid, resized_size, target_size
from protos.pictures.tiles import Grid

Pixels = NDArray[np.float32]  # normalised (tiles, 3, h, w)


class Preprocessor:
    """What a bundle says of preprocessing, ready to be applied to pictures. Raises BundleDamaged if it
    cannot be.
    """

    def __init__(self, spec: pb.Preprocessing) -> None:
        _check(spec)
        self._spec = spec
        mean, std = np.array(spec.mean), np.array(spec.std)
        self._scale = (spec.rescale / std).astype(np.float32).reshape(3, 1, 1)
        self._shift = (mean / std).astype(np.float32).reshape(3, 1, 1)

    def resize(self, picture: Picture) -> Picture:
        """RGB (h, w, 3) of any size to what the model sees of it, each step rounded to 8 bits. Raises
        PictureError if it is too elongated.

        A picture to be cut into tiles is left as it is where it would grow: the same tiles come of it,
        and an upload is smaller.
        """
        check_elongation(picture.shape[0], picture.shape[1], self._spec)
        height, width = resized_size(self._spec, picture.shape[0], picture.shape[1])
        grows = height * width >= picture.shape[0] * picture.shape[1]
        return picture if self._tiled and grows else self._resized(picture)

    def grid(self, resized: Picture) -> Grid:
        """The grid of tiles that `pixels` makes of a resized picture."""
        return picture_grid(self._spec, resized.shape[0], resized.shape[1])

    def pixels(self, resized: Picture) -> Pixels:
        """A resized picture (h, w, 3) to the first piece's input (tiles, 3, h, w)."""
        tiles = cut_tiles(self._resized(resized), self._spec.tiles) if self._tiled else [resized]
        out = np.empty((len(tiles), 3, *tiles[0].shape[:2]), np.float32)
        for place, tile in zip(out, tiles, strict=True):
            place[:] = tile.transpose(2, 0, 1) * self._scale - self._shift
        return out

    @property
    def _tiled(self) -> bool:
        return self._spec.HasField("tiles")

    def _resized(self, picture: Picture) -> Picture:
        for step in self._spec.resizes:
            picture = resample(picture, target_size(step, *picture.shape[:2]), step.filter)
        return (
            crop(picture, self._spec.crop_height, self._spec.crop_width)
            if self._spec.crop_height
            else picture
        )


def crop(picture: Picture, height: int, width: int) -> Picture:
    """The middle (height, width) of (h, w, 3); black around it where the picture is smaller. As
    transformers' `center_crop`.
    """
    if picture.shape[0] < height or picture.shape[1] < width:
        picture = _padded(picture, max(height, picture.shape[0]), max(width, picture.shape[1]))
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def _padded(picture: Picture, height: int, width: int) -> Picture:
    out = np.zeros((height, width, 3), np.uint8)
    top, left = (height - picture.shape[0] + 1) // 2, (width - picture.shape[1] + 1) // 2
    out[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return out


def _check(spec: pb.Preprocessing) -> None:
    if len(spec.mean) != 3 or len(spec.std) != 3 or min(spec.std) <= 0:
        raise BundleDamaged(
            "the manifest's preprocessing needs a mean and a positive std for each of 3 channels; split "
            "the model again"
        )
    for step in spec.resizes:
        if step.filter not in FILTERS or not (
            step.longest_edge or step.shortest_edge or (step.height and step.width)
        ):
            raise BundleDamaged(
                "the manifest's preprocessing has a resize without a known filter or size; upgrade "
                "isthmus, or split again"
            )
    if bool(spec.crop_height) != bool(spec.crop_width):
        raise BundleDamaged(
            "the manifest's preprocessing crops to a height without a width, or the other way round; split "
            "the model again"
        )
    tiles = spec.tiles
    if spec.HasField("tiles") and (tiles.filter not in FILTERS or not tiles.side or tiles.max < 2):
        raise BundleDamaged(
            "the manifest's preprocessing has tiles without a side, a filter or a bound; split the model "
            "again"
        )
