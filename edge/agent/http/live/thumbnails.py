"""Frames as small JPEGs, for the live page."""

import cv2
import numpy as np

from edge.pictures.resampling import Picture

_EDGE, _QUALITY = 480, 80  # the longer edge, in pixels


def thumbnail(picture: Picture) -> bytes:
    """An RGB picture (h, w, 3) as a JPEG of at most 480 pixels an edge."""
    height, width = picture.shape[:2]
    scale = min(_EDGE / max(height, width), 1.0)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    assert done
    return np.asarray(data).tobytes()
