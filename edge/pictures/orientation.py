"""Turning a picture upright."""

import cv2
import numpy as np

from edge.pictures.resampling import Picture

_ROWS_ARE_COLUMNS = {5, 6, 7, 8}
_FLIPS = {
    2: 1,
    3: -1,
    4: 0,
    6: 1,
    7: -1,
    8: 0,
}  # in OpenCV's terms, after rows and columns have changed places


def turn(picture: Picture, orientation: int) -> Picture:
    """A picture stored with an orientation of EXIF's, upright. What is no orientation turns nothing."""
    if orientation in _ROWS_ARE_COLUMNS:
        picture = np.asarray(cv2.transpose(picture), np.uint8)
    if orientation in _FLIPS:
        picture = np.asarray(cv2.flip(picture, _FLIPS[orientation]), np.uint8)
    return picture
