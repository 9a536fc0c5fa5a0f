"""Files of every kind that a person has, and some that nobody should have, made in code, each by its name."""

from functools import cache

from tests.edge.pictures.kinds import avif, bmp, damaged, gif, jpeg, png, pnm, sizes, tiff, webp

_KINDS = (jpeg, png, webp, gif, bmp, tiff, avif, pnm, sizes, damaged)


@cache
def files() -> dict[str, bytes]:
    """Name -> bytes of a file."""
    return {name: data for kind in _KINDS for name, data in kind.files().items()}
