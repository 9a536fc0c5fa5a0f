"""Files of every kind that a person has, made in code, each by its name."""

from tests.edge.pictures.kinds import avif, bmp, gif, jpeg, png, pnm, tiff, webp

_KINDS = (jpeg, png, webp, gif, bmp, tiff, avif, pnm)


def files() -> dict[str, bytes]:
    """Name -> bytes of a file."""
    return {name: data for kind in _KINDS for name, data in kind.files().items()}
