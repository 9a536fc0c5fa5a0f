"""Pictures of odd sizes in every format that a person is likely to have."""

from PIL import Image

from tests.edge.pictures.picture_files import saved, scene

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
_SIZES = ((1, 1), (1, 300), (300, 1), (3, 2), (129, 127))


def files() -> dict[str, bytes]:
    return {
        f"{kind} of {width} x {height}": saved(Image.fromarray(scene(height, width)), kind)
        for width, height in _SIZES
        for kind in _FORMATS
    }
