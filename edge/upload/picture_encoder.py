"""A picture to the bytes of a file, for an upload."""

import cv2

from edge.pictures.resampling import Picture
from protos.errors import PictureError, TooLarge, UnknownName
from protos.pictures.upload_formats import UPLOAD_FORMATS


def encode_picture(picture: Picture, kind: str, quality: int) -> bytes:
    """RGB (h, w, 3) as a file of an upload format, quality 1 to 100.

    Raises UnknownName, PictureError for another quality, or TooLarge for what the format cannot hold.
    """
    if kind not in UPLOAD_FORMATS:
        raise UnknownName("picture format", kind, list(UPLOAD_FORMATS))
    if not 1 <= quality <= 100:
        raise PictureError(f"quality {quality} is not between 1 and 100; choose one that is", quality=quality)
    flag = getattr(cv2, UPLOAD_FORMATS[kind].opencv_quality)
    done, data = cv2.imencode(f".{kind}", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [flag, quality])
    if not done:
        height, width = picture.shape[:2]
        message = f"a picture of {width} x {height} pixels does not fit into {kind}; make it smaller"
        raise TooLarge(message, width=width, height=height)
    return bytes(data.tobytes())
