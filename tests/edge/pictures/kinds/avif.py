"""AVIF files of the kinds that Pillow and OpenCV write."""

import cv2
import numpy as np
from PIL import Image

from tests.edge.pictures.kinds.exif import exif, xmp
from tests.edge.pictures.picture_files import saved, scene


def files() -> dict[str, bytes]:
    image = Image.fromarray(scene())
    clear = image.copy()
    clear.putalpha(Image.fromarray(scene(seed=1)[..., 0]))
    named = {
        f"AVIF{name} turned {way}": saved(picture, "AVIF", exif=exif(way), speed=10)
        for way in range(1, 9)
        for name, picture in (("", image), (" RGBA", clear))
    }
    named |= {
        f"AVIF subsampled {sampling}": saved(image, "AVIF", subsampling=sampling, speed=10)
        for sampling in ("4:4:4", "4:2:2", "4:2:0")
    }
    return named | {
        "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40),
        "AVIF grey": saved(image.convert("L"), "AVIF", speed=10),
        "AVIF turned by XMP": saved(image, "AVIF", xmp=xmp(6), speed=10),
        "AVIF turned by EXIF with a prefix": saved(image, "AVIF", exif=b"Exif\0\0" + exif(8), speed=10),
        "AVIF animated": saved(
            image, "AVIF", save_all=True, append_images=[Image.fromarray(scene(seed=1))], speed=10
        ),
        "AVIF of 10 bits": _deep(scene()[..., ::-1]),
        "AVIF RGBA of 10 bits": _deep(np.dstack([scene()[..., ::-1], scene(seed=1)[..., 0]])),
    }


def _deep(picture: np.ndarray) -> bytes:
    options = [cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, 100]
    return cv2.imencode(".avif", picture.astype(np.uint16) * 4, options)[1].tobytes()
