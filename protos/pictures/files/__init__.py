"""Picture files: what they say of themselves, and who is trusted to read them.

A few hundred bytes can claim a picture of many gigabytes, and decoders allocate what is claimed; and
decoders differ in what they make of a file. So every file is looked at here first, on the device and in
the cloud alike.
"""

import struct
from collections.abc import Callable

from protos.errors import PictureError
from protos.pictures.files import avif, bmp, gif, jpeg, png, pnm, tiff, webp
from protos.pictures.files.table import PictureFile, Pixels, unknown

_READERS: dict[bytes, Callable[[bytes], PictureFile]] = {
    png.MAGIC: png.read,
    b"\xff\xd8": jpeg.read,
    b"RIFF": webp.read,
    b"GIF87a": gif.read,
    b"GIF89a": gif.read,
    b"BM": bmp.read,
    **dict.fromkeys((*tiff.MAGIC, *tiff.BIG), tiff.read),
    **dict.fromkeys((b"P%d" % kind for kind in range(1, 8)), pnm.read),
    b"PF": pnm.read,
    b"Pf": pnm.read,
}
_SENT = (png.MAGIC, b"\xff\xd8", b"RIFF")
SENT_FORMATS = "JPEG, PNG, WebP or AVIF"  # what the cloud decodes; each bounds what its header promises
_CUT_OFF = "the picture's file ends early; get it again"


def inspect(data: bytes) -> PictureFile:
    """What a file says of itself. Raises PictureError for a file of a kind that is not read, or damaged."""
    if not data:
        raise PictureError("the picture is empty (0 bytes); get it again")
    read = next((read for magic, read in _READERS.items() if data.startswith(magic)), None)
    if read is None and avif.is_avif(data):
        read = avif.read
    if read is None:
        raise unknown()
    try:
        return read(data)
    except (struct.error, IndexError) as error:
        raise PictureError(_CUT_OFF) from error


def inspect_sent(data: bytes) -> PictureFile:
    """What a file that came over the wire says of itself. Raises PictureError for other than SENT_FORMATS."""
    if data and not data.startswith(_SENT) and not avif.is_avif(data):
        raise PictureError(
            f"this is not a picture of a kind that is sent; send {SENT_FORMATS}: open it with an image "
            "program and save it as PNG, or ask by `isthmus ask`, which reads more kinds"
        )
    return inspect(data)


def own_pixels(file: PictureFile) -> Pixels:
    """The pixels, RGB or RGBA (h, w, 3 or 4), of a kind that is read by us. Raises PictureError."""
    try:
        return bmp.pixels(file.data) if file.data.startswith(b"BM") else pnm.pixels(file.data)
    except (struct.error, ValueError) as error:
        raise PictureError(f"the picture is broken or cut off ({error}); get it again") from error
