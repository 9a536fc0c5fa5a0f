"""A picture to the bytes of a file, for an upload."""

import cv2
import numpy as np

from edge.pictures.resampling import Picture
from protos.errors import PictureError, TooLarge, UnknownName
from protos.pictures.upload_formats import UPLOAD_FORMATS, Coding


def encodes(kind: str) -> bool:
    """Whether this device's OpenCV can write an upload format."""
    return bool(cv2.haveImageWriter(f".{kind}"))


def encode_picture(picture: Picture, coding: Coding) -> bytes:
    """RGB (h, w, 3) as a file of an upload format, quality 1 to 100.

    Raises UnknownName, PictureError for another quality, or TooLarge for what the format cannot hold.
    """
    kind, quality = coding.format, coding.quality
    if kind not in UPLOAD_FORMATS:
        raise UnknownName("picture format", kind, list(UPLOAD_FORMATS))
    if not 1 <= quality <= 100:
        raise PictureError(f"quality {quality} is not between 1 and 100; choose one that is", quality=quality)
    height, width = coding.sides(*picture.shape[:2])
    if coding.scale != 1:
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    options = UPLOAD_FORMATS[kind].opencv_flags(quality)
    flags = [number for name, value in options for number in (getattr(cv2, name), value)]
    done, data = cv2.imencode(f".{kind}", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), flags)
    if not done:
        message = f"a picture of {width} x {height} pixels does not fit into {kind}; make it smaller"
        raise TooLarge(message, width=width, height=height)
    return bytes(data.tobytes())
