"""Pictures inside a request, as data URLs."""

import base64
import binascii

from protos.errors import PictureError

DATA = "data:image/"


def data_of(address: str) -> bytes:
    """What a data URL holds. Raises PictureError."""
    head, comma, data = address.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise PictureError("the data URL is not one of base64; write data:image/jpeg;base64,...")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PictureError("the data URL is damaged: what follows the comma is no base64") from error
