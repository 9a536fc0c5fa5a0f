"""Antialiased resizing of pictures, bit for bit as Pillow 13.0 does it.

OpenCV's resize does not antialias for cubic or Lanczos filters, so it is written here: Pillow's filters,
its weights rounded to 22 bits, its rounding to 8 bits after each pass, and its order of passes. Pillow
before 13 always makes the horizontal pass first: where the two orders differ, up to 48 of 255.
`tests/edge/pictures/test_resampling.py` holds this against the Pillow that is installed.
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
_ONE = 1 << 22  # Pillow's PRECISION_BITS
_SMALL_PRODUCT = 200_000  # multiplications; OpenBLAS begins to use threads at 2**18


def resample(picture: Picture, size: tuple[int, int], kind: int) -> Picture:
    """Antialiased resize of (h, w, 3) to (height, width) with a `pb.Resize.Filter`, as `PIL.Image.resize`
    does it.
    """
    if _vertical_first(picture.shape[:2], size):
        return _resample_columns(_resample_rows(picture, size[0], kind), size[1], kind)
    return _resample_rows(_resample_columns(picture, size[1], kind), size[0], kind)


def _vertical_first(size: tuple[int, ...], target: tuple[int, int]) -> bool:
    """Where the height falls by more than twice what the width falls by: Pillow 13's rule, found by
    measuring.
    """
    return size[0] - target[0] > 2 * max(size[1] - target[1], 0)


def _resample_columns(picture: Picture, count: int, kind: int) -> Picture:
    """(n, m, 3) to (n, count, m), by way of its rows."""
    if picture.shape[1] == count:
        return picture
    columns = cv2.transpose(picture).reshape(picture.shape[1], picture.shape[0], 3)
    resampled: Picture = _resample_rows(columns, count, kind).transpose(1, 0, 2)
    return resampled


def _resample_rows(picture: Picture, count: int, kind: int) -> Picture:
    """(n, m, 3) to (count, m, 3). Whole rows are mixed, so that each band is one product of small
    matrices, of numbers whose sums float64 holds exactly.
    """
    if len(picture) == count:
        return picture
    flat = picture.reshape(len(picture), -1)
    out = np.empty((count, flat.shape[1]), np.uint8)
    for first in range(0, count, _BAND):
        rows = np.arange(first, min(first + _BAND, count))
        start, weights = _weights(rows, len(picture), count, kind)
        _mix(weights, flat[start : start + weights.shape[1]], out[first : first + _BAND])
    return out.reshape(count, *picture.shape[1:])


def _mix(weights: _Weights, taps: Picture, out: Picture) -> None:
    """`weights @ taps` in parts that stay in the cache, and that BLAS finds too small for threads: on a
    busy device, waking them takes ten times the product.
    """
    step = max(_SMALL_PRODUCT // weights.size, 1)
    for start in range(0, taps.shape[1], step):
        mixed = weights @ taps[:, start : start + step].astype(np.float64)
        mixed += 0.5
        out[:, start : start + step] = np.clip(mixed, 0, 255, mixed)


def _weights(rows: NDArray[np.int_], size: int, count: int, kind: int) -> tuple[int, _Weights]:
    """Where the taps of these output rows begin, and their weights (rows, taps), in whole parts of
    2**-22; Pillow's `precompute_coeffs` and `normalize_coeffs_8bpc`.
    """
    reach, kernel = FILTERS[kind]
    scale = size / count
    stretch = max(scale, 1.0)
    centres = (rows + 0.5) * scale
    starts = np.maximum((centres - reach * stretch + 0.5).astype(int), 0)
    ends = np.minimum((centres + reach * stretch + 0.5).astype(int), size)
    taps = np.arange(starts[0], ends[-1])
    weights = kernel((taps - centres[:, None] + 0.5) * (1.0 / stretch))
    weights[(taps < starts[:, None]) | (taps >= ends[:, None])] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    return int(starts[0]), np.trunc(weights * _ONE + np.copysign(0.5, weights)) / _ONE


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
