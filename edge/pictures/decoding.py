"""The pixels of a picture file, by who is trusted to read it."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.pictures import transparency
from edge.pictures.resampling import Picture
from protos.errors import PictureError
from protos.pictures.files import gif, own_pixels
from protos.pictures.files.table import PictureFile, ReadBy

# a broken file is reported once, by us, and not by the decoder on stderr as well
cv2.utils.logging.setLogLevel(0)


def pixels(file: PictureFile) -> Picture:
    """RGB (h, w, 3), not yet upright, on white where it is transparent. Raises PictureError."""
    if file.kind.read_by is ReadBy.US:
        picture = own_pixels(file)
        return transparency.on_white(_bgr(picture), file) if picture.shape[2] == 4 else picture
    if file.kind.name == "GIF":
        return _gif(file)
    if file.transparent:
        return transparency.on_white(_decoded(file.data, cv2.IMREAD_UNCHANGED), file)
    return np.asarray(_decoded(file.data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION), np.uint8)


def _decoded(data: bytes, how: int) -> NDArray[Any]:
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    except cv2.error as error:
        raise PictureError("the picture cannot be decoded; save it again as JPEG or PNG") from error
    if decoded is None:
        raise PictureError("the picture is broken or cut off; get it again, or save it anew as JPEG or PNG")
    return np.asarray(decoded)


def _bgr(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA), np.uint8)


def _gif(file: PictureFile) -> Picture:
    """The first frame's indices, from OpenCV, in its colours on its canvas."""
    frame = gif.first_frame(file.data)
    colours = np.zeros((256, 3), np.uint8)
    known = np.frombuffer(frame.colours, np.uint8).reshape(-1, 3)
    colours[: len(known)] = known
    if frame.transparent is not None:
        colours[frame.transparent] = 255
    indices = np.full((file.height, file.width), frame.transparent or 0, np.uint8)
    box = indices[frame.top : frame.top + frame.height, frame.left : frame.left + frame.width]
    box[:] = _decoded(frame.shades, cv2.IMREAD_COLOR)[..., 0]
    return np.asarray(colours[indices], np.uint8)
