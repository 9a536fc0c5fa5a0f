"""Antialiased resizing of pictures, as Pillow does it.

OpenCV's resize does not antialias for cubic or Lanczos filters, so it is written here: Pillow's filters,
Pillow's order (horizontal, then vertical) and Pillow's rounding to 8 bits after each pass. Differences to
Pillow are rounding ties.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from protos import bundle_pb2 as pb

Picture = NDArray[np.uint8]  # RGB (h, w, 3)
_Weights = NDArray[np.float64]

# output rows made by one matrix product; more multiplies zeros, fewer converts the same input rows again
_BAND = 8
_SMALL_PRODUCT = 200_000  # multiplications; OpenBLAS begins to use threads at 2**18


def resample(picture: Picture, size: tuple[int, int], kind: int) -> Picture:
    """Antialiased resize of (h, w, 3) to (height, width) with a `pb.Resize.Filter`, as `PIL.Image.resize`
    does it.
    """
    height, width = size
    if picture.shape[1] != width:
        columns = cv2.transpose(picture).reshape(picture.shape[1], picture.shape[0], 3)
        picture = _resample_rows(columns, width, kind).transpose(1, 0, 2)
    if picture.shape[0] != height:
        picture = _resample_rows(picture, height, kind)
    return picture


def _resample_rows(picture: Picture, count: int, kind: int) -> Picture:
    """(n, m, 3) to (count, m, 3). Whole rows are mixed, so that each band is one product of small
    matrices.
    """
    out = np.empty((count, *picture.shape[1:]), np.uint8)
    for first in range(0, count, _BAND):
        rows = np.arange(first, min(first + _BAND, count))
        start, weights = _weights(rows, len(picture), count, kind)
        taps = picture[start : start + weights.shape[1]].reshape(weights.shape[1], -1).astype(np.float32)
        mixed = _product(weights.astype(np.float32), taps)
        out[rows] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8).reshape(len(rows), *picture.shape[1:])
    return out


def _product(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """`left @ right` in parts that BLAS finds too small for threads: on a busy device, waking them takes ten
    times the product.
    """
    step = max(_SMALL_PRODUCT // left.size, 1)
    out = np.empty((len(left), right.shape[1]), np.float32)
    for start in range(0, right.shape[1], step):
        out[:, start : start + step] = left @ right[:, start : start + step]
    return out


def _weights(rows: NDArray[np.int_], size: int, count: int, kind: int) -> tuple[int, _Weights]:
    """Where the taps of these output rows begin, and their weights (rows, taps); Pillow's
    `precompute_coeffs`.
    """
    reach, kernel = FILTERS[kind]
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
FILTERS: dict[int, tuple[float, Callable[[_Weights], _Weights]]] = {
    pb.Resize.BILINEAR: (1.0, _bilinear),
    pb.Resize.BICUBIC: (2.0, _bicubic),
    pb.Resize.LANCZOS: (3.0, _lanczos),
}
