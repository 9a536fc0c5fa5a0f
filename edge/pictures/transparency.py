"""Transparent pictures, laid onto white.

White is what a viewer shows behind them, and what the models' own processors put there (transformers'
`convert_to_rgb`).
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.pictures.resampling import Picture
from protos.errors import PictureError
from protos.pictures.files import avif, png, tiff
from protos.pictures.files.table import PictureFile

Decoded = NDArray[Any]  # uint8 or uint16; grey (h, w), BGR (h, w, 3) or BGRA (h, w, 4)


def on_white(decoded: Decoded, file: PictureFile) -> Picture:
    """The unchanged pixels of a file on a white background, to the bit as Pillow's `alpha_composite` has
    them.
    """
    if decoded.ndim == 2:
        shades = _eight_bits(_without_key(decoded, file), file)
        return np.asarray(cv2.cvtColor(shades, cv2.COLOR_GRAY2RGB), np.uint8)
    picture = _eight_bits(decoded, file)
    colours = cv2.cvtColor(picture, cv2.COLOR_BGRA2RGB if picture.shape[2] == 4 else cv2.COLOR_BGR2RGB)
    if picture.shape[2] == 4:
        alpha = cv2.cvtColor(cv2.extractChannel(picture, 3), cv2.COLOR_GRAY2RGB)
        colours = cv2.add(_faded(colours, alpha, decoded, file), cv2.bitwise_not(alpha))
    return np.asarray(colours, np.uint8)


def _eight_bits(picture: Decoded, file: PictureFile) -> Picture:
    if picture.dtype == np.uint8:
        return picture
    if picture.dtype != np.uint16:
        raise PictureError(
            f"the picture holds transparency and pixels of {picture.dtype}; convert it to 8 or 16 bits"
        )
    depth = avif.depth(file.data) if file.kind.pillow == "AVIF" else 16
    return (picture >> (depth - 8)).astype(np.uint8)


def _without_key(grey: Decoded, file: PictureFile) -> Decoded:
    """Grey with its one transparent shade made white: PNG knows one, and OpenCV passes over it."""
    key = png.transparent_shade(file.data) if file.kind.pillow == "PNG" else None
    if key is None:
        return grey
    white = np.iinfo(grey.dtype).max
    shade = key * (white // (2 ** png.depth(file.data) - 1))
    return np.where(grey == shade, white, grey).astype(grey.dtype)


def _faded(colours: Picture, alpha: Picture, decoded: Decoded, file: PictureFile) -> Picture:
    """Colours times alpha. A TIFF may hold just that; Pillow divides by alpha first, rounding down, and so
    must we.
    """
    kind = tiff.alpha(file.data) if file.kind.pillow == "TIFF" else None
    if kind == tiff.STRAIGHT and decoded.dtype == np.uint8:
        return colours  # OpenCV has multiplied them
    if kind == tiff.PREMULTIPLIED:
        colours = np.minimum(colours.astype(np.uint16) * 255 // np.maximum(alpha, 1), 255).astype(np.uint8)
    return np.asarray(cv2.multiply(colours, alpha, scale=1 / 255), np.uint8)
