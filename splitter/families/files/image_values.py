"""The values of an image processor's file, in every form that transformers takes."""

from typing import Any

from PIL.Image import Resampling

from protos import bundle_pb2 as pb
from protos.errors import CheckpointError

_CHANNELS = 3
_FILTERS = {
    Resampling.LANCZOS: pb.Resize.LANCZOS,
    Resampling.BILINEAR: pb.Resize.BILINEAR,
    Resampling.BICUBIC: pb.Resize.BICUBIC,
}
_OTHER_NAMES = {"LINEAR": "BILINEAR", "CUBIC": "BICUBIC", "ANTIALIAS": "LANCZOS"}


def resize_filter(images: Any) -> pb.Resize.Filter:
    """The filter of its resizes, given by number or by name. Raises CheckpointError for one that a device
    does not have.
    """
    value = images.resample
    try:
        if isinstance(value, str):
            name = value.upper()
            return _FILTERS[Resampling[_OTHER_NAMES.get(name, name)]]
        return _FILTERS[Resampling(int(value))]
    except (KeyError, ValueError, TypeError):
        known = ", ".join(f"{found.value} ({found.name.lower()})" for found in _FILTERS)
        message = f"this processor resizes by the filter {value!r} (resample); only {known} are supported yet"
        raise CheckpointError(message, resample=value) from None


def channels(value: Any, name: str) -> list[float]:
    """A value for each of the three channels, given as one number or three. Raises CheckpointError."""
    values = [value] * _CHANNELS if isinstance(value, int | float) else list(value or ())
    if len(values) != _CHANNELS:
        raise CheckpointError(f"this processor's {name} is {value!r}; it must be one number, or three")
    return [float(one) for one in values]


def crop_size(images: Any) -> tuple[int, int]:
    """Height and width of its crop. Raises CheckpointError."""
    sizes = dict(images.crop_size or {})
    if not sizes.get("height") or not sizes.get("width"):
        raise CheckpointError(
            f"this processor's crop_size is {images.crop_size!r}; it must have a height and a width"
        )
    return sizes["height"], sizes["width"]


def check_resized(images: Any) -> None:
    """Raises CheckpointError for a processor that leaves pictures as large as they are."""
    if not images.do_resize:
        raise CheckpointError(
            "this processor leaves pictures at any size, which is not supported yet; set do_resize to true"
        )
