"""From a decoded picture to the tensor of the first piece, as the checkpoint's own processor does it with Pillow.

OpenCV's resize does not antialias for cubic or Lanczos filters, so the resampling is written here: Pillow's filters, Pillow's
order (horizontal, then vertical) and Pillow's rounding to 8 bits after each pass. Differences to Pillow are rounding ties.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from protos import bundle_pb2 as pb
from protos.errors import BundleDamaged
from protos.limits import check_elongation

Picture = NDArray[np.uint8]  # RGB (h, w, 3)
Pixels = NDArray[np.float32]  # normalised (1, 3, h, w)
_Weights = NDArray[np.float64]

_LONGEST_OF_ALL = 4096  # Idefics3's bound on an edge, whatever longest_edge says
_BAND = 8  # output rows made by one matrix product; more multiplies zeros, fewer converts the same input rows again
_SMALL_PRODUCT = 200_000  # multiplications; OpenBLAS begins to use threads at 2**18


class Preprocessor:
    """What a bundle says of preprocessing, ready to be applied to pictures. Raises BundleDamaged if it cannot be."""

    def __init__(self, spec: pb.Preprocessing) -> None:
        _check(spec)
        self._spec = spec
        mean, std = np.array(spec.mean), np.array(spec.std)
        self._scale = (spec.rescale / std).astype(np.float32).reshape(3, 1, 1)
        self._shift = (mean / std).astype(np.float32).reshape(3, 1, 1)

    def resize(self, picture: Picture) -> Picture:
        """RGB (h, w, 3) of any size to the model's size, each step rounded to 8 bits. Raises PictureError if it is too elongated."""
        check_elongation(picture.shape[0], picture.shape[1], self._spec)
        for step in self._spec.resizes:
            picture = resample(picture, target_size(step, *picture.shape[:2]), step.filter)
        return crop(picture, self._spec.crop_height, self._spec.crop_width) if self._spec.crop_height else picture

    def pixels(self, resized: Picture) -> Pixels:
        """A resized picture (h, w, 3) to the first piece's input (1, 3, h, w)."""
        planes = resized.transpose(2, 0, 1).astype(np.float32)
        return np.ascontiguousarray(planes * self._scale - self._shift)[None]


def target_size(step: pb.Resize, height: int, width: int) -> tuple[int, int]:
    """Height and width after a resize step, rounded as transformers does it: `longest_edge` is that of its Idefics3 processor."""
    if step.shortest_edge:
        other = int(step.shortest_edge * max(height, width) / min(height, width))
        return (other, step.shortest_edge) if width <= height else (step.shortest_edge, other)
    if not step.longest_edge:
        return step.height, step.width
    ratio = width / height
    if width >= height:
        return _bounded(_even(int(step.longest_edge / ratio)), step.longest_edge)
    return _bounded(step.longest_edge, _even(int(step.longest_edge * ratio)))


def crop(picture: Picture, height: int, width: int) -> Picture:
    """The middle (height, width) of (h, w, 3); black around it where the picture is smaller. As transformers' `center_crop`."""
    if picture.shape[0] < height or picture.shape[1] < width:
        picture = _padded(picture, max(height, picture.shape[0]), max(width, picture.shape[1]))
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def _padded(picture: Picture, height: int, width: int) -> Picture:
    out = np.zeros((height, width, 3), np.uint8)
    top, left = (height - picture.shape[0] + 1) // 2, (width - picture.shape[1] + 1) // 2
    out[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return out


def resample(picture: Picture, size: tuple[int, int], kind: int) -> Picture:
    """Antialiased resize of (h, w, 3) to (height, width) with a `pb.Resize.Filter`, as `PIL.Image.resize` does it."""
    height, width = size
    if picture.shape[1] != width:
        columns = cv2.transpose(picture).reshape(picture.shape[1], picture.shape[0], 3)
        picture = _resample_rows(columns, width, kind).transpose(1, 0, 2)
    if picture.shape[0] != height:
        picture = _resample_rows(picture, height, kind)
    return picture


def _resample_rows(picture: Picture, count: int, kind: int) -> Picture:
    """(n, m, 3) to (count, m, 3). Whole rows are mixed, so that each band is one product of small matrices."""
    out = np.empty((count, *picture.shape[1:]), np.uint8)
    for first in range(0, count, _BAND):
        rows = np.arange(first, min(first + _BAND, count))
        start, weights = _weights(rows, len(picture), count, kind)
        taps = picture[start : start + weights.shape[1]].reshape(weights.shape[1], -1).astype(np.float32)
        mixed = _product(weights.astype(np.float32), taps)
        out[rows] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8).reshape(len(rows), *picture.shape[1:])
    return out


def _product(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """`left @ right` in parts that BLAS finds too small for threads: on a busy device, waking them takes ten times the product."""
    step = max(_SMALL_PRODUCT // left.size, 1)
    out = np.empty((len(left), right.shape[1]), np.float32)
    for start in range(0, right.shape[1], step):
        out[:, start : start + step] = left @ right[:, start : start + step]
    return out


def _weights(rows: NDArray[np.int_], size: int, count: int, kind: int) -> tuple[int, _Weights]:
    """Where the taps of these output rows begin, and their weights (rows, taps); Pillow's `precompute_coeffs`."""
    reach, kernel = _FILTERS[kind]
    scale = size / count
    stretch = max(scale, 1.0)
    centres = (rows + 0.5) * scale
    starts = np.maximum((centres - reach * stretch + 0.5).astype(int), 0)
    ends = np.minimum((centres + reach * stretch + 0.5).astype(int), size)
    taps = np.arange(starts[0], ends[-1])
    weights = kernel((taps + 0.5 - centres[:, None]) / stretch)
    weights[(taps < starts[:, None]) | (taps >= ends[:, None])] = 0.0
    return int(starts[0]), weights / weights.sum(axis=1, keepdims=True)


def _bilinear(x: _Weights) -> _Weights:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _bicubic(x: _Weights) -> _Weights:
    """Keys' cubic with a = -0.5."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def _lanczos(x: _Weights) -> _Weights:
    return np.where(np.abs(x) < 3.0, np.sinc(x) * np.sinc(x / 3.0), 0.0)


# filter: (reach in input pixels when not shrinking, kernel)
_FILTERS: dict[int, tuple[float, Callable[[_Weights], _Weights]]] = {
    pb.Resize.BILINEAR: (1.0, _bilinear),
    pb.Resize.BICUBIC: (2.0, _bicubic),
    pb.Resize.LANCZOS: (3.0, _lanczos),
}


def _even(length: int) -> int:
    return max(length + length % 2, 1)


def _bounded(height: int, width: int) -> tuple[int, int]:
    ratio = width / height
    if width >= height and width > _LONGEST_OF_ALL:
        height, width = int(_LONGEST_OF_ALL / ratio), _LONGEST_OF_ALL
    elif height > width and height > _LONGEST_OF_ALL:
        height, width = _LONGEST_OF_ALL, int(_LONGEST_OF_ALL * ratio)
    return max(height, 1), max(width, 1)


def _check(spec: pb.Preprocessing) -> None:
    if len(spec.mean) != 3 or len(spec.std) != 3 or min(spec.std) <= 0:
        raise BundleDamaged("the manifest's preprocessing needs a mean and a positive std for each of 3 channels; split the model again")
    for step in spec.resizes:
        if step.filter not in _FILTERS or not (step.longest_edge or step.shortest_edge or (step.height and step.width)):
            raise BundleDamaged("the manifest's preprocessing has a resize without a known filter or size; upgrade isthmus, or split again")
    if bool(spec.crop_height) != bool(spec.crop_width):
        raise BundleDamaged("the manifest's preprocessing crops to a height without a width, or the other way round; split the model again")
