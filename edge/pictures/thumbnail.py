"""A picture made small, for a person to look at."""

import cv2
import numpy as np

from edge.pictures.resampling import Picture

_QUALITY = 80


def thumbnail(picture: Picture, side: int) -> bytes:
    """A JPEG whose longer side has at most so many pixels, of RGB (h, w, 3); no bytes of an empty picture, as
    answers to deferred questions have.
    """
    if not picture.size:
        return b""
    height, width = picture.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(
        ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    return np.asarray(data).tobytes()
