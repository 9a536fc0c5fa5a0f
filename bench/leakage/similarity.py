"""The similarity of two pictures: PSNR and SSIM."""

import cv2
import numpy as np
from numpy.typing import NDArray

from splitter.evaluate.subjects import Image

_Plane = NDArray[np.float64]

_WINDOW, _SIGMA = (11, 11), 1.5
_CONSTANTS = ((0.01 * 255) ** 2, (0.03 * 255) ** 2)


def psnr(first: Image, second: Image) -> float:
    """Peak signal-to-noise ratio in decibels; 361 for equal pictures, OpenCV's stand-in for infinity."""
    return float(cv2.PSNR(first, second))


def ssim(first: Image, second: Image) -> float:
    """Structural similarity of the grey pictures, RGB (h, w, 3) uint8; 1 where they are equal.

    Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural
    similarity", 2004, equation 13, with its Gaussian window of 11 x 11.
    """
    x, y = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float64) for picture in (first, second))
    mean_x, mean_y = _blurred(x), _blurred(y)
    variance_x, variance_y = _blurred(x * x) - mean_x**2, _blurred(y * y) - mean_y**2
    covariance = _blurred(x * y) - mean_x * mean_y
    luminance, contrast = _CONSTANTS
    above = (2 * mean_x * mean_y + luminance) * (2 * covariance + contrast)
    below = (mean_x**2 + mean_y**2 + luminance) * (variance_x + variance_y + contrast)
    return float((above / below).mean())


def _blurred(plane: _Plane) -> _Plane:
    return np.asarray(cv2.GaussianBlur(plane, _WINDOW, _SIGMA), np.float64)
