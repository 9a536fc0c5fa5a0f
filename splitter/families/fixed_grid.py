"""Pictures of one size as the rows of patches that Qwen-VL takes, and what its image processor says of that
size.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from transformers.image_processing_backends import PilBackend
from transformers.image_utils import SizeDict

from protos.errors import CheckpointError

_COMMON = 448  # pixels a side: what is proposed where the processor's bounds allow it


def fixed_size(images: Any, window: int = 0) -> tuple[int, int]:
    """The height and width that an image processor is set to, in pixels. Raises CheckpointError where there
    is no one size.

    `window`: where attention has windows, their side in pixels; the picture must be whole windows.
    """
    step = math.lcm(images.patch_size * images.merge_size, window or 1)
    height, width = images.size.get("height"), images.size.get("width")
    if not height or not width:
        side = _proposed(images, step)
        raise _refused(
            "makes each picture another size (dynamic resolution), which is not supported yet",
            side,
            side,
            step,
        )
    if height % step or width % step:
        what = f"makes pictures of {height} x {width}, which the model cannot take whole"
        raise _refused(what, max(height // step, 1) * step, max(width // step, 1) * step, step)
    return height, width


def _refused(what: str, height: int, width: int, step: int) -> CheckpointError:
    size = f'"size": {{"height": {height}, "width": {width}}}'
    remedy = (
        f"write {size}, or other multiples of {step}, into preprocessor_config.json, and take "
        "min_pixels and max_pixels out"
    )
    return CheckpointError(f"this processor {what}; {remedy}", height=height, width=width)


def _proposed(images: Any, step: int) -> int:
    """A side within the processor's own bounds of area, as far as whole steps allow."""
    least, most = (images.size.get(edge) or _COMMON**2 for edge in ("shortest_edge", "longest_edge"))
    side = math.sqrt(min(max(_COMMON**2, least), most))
    return max(int(side) // step, 1) * step


def resized(images: Any, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """RGB pictures (h, w, 3) at the fixed size, by the processor's own filter."""
    height, width = fixed_size(images)
    size = SizeDict(height=height, width=width)
    return [
        PilBackend.resize(images, picture.transpose(2, 0, 1), size, images.resample).transpose(1, 2, 0)
        for picture in pictures
    ]


def patches(pixels: Tensor, patch: int, merge: int, repeat: int) -> Tensor:
    """Pixels (n, 3, h, w) to rows (n * tokens, 3 * repeat * patch * patch), the patches that are merged next
    to each other.

    A still picture is a film of `repeat` frames that are alike. The order of `Qwen2VLImageProcessor`.
    """
    count, channels, height, width = pixels.shape
    squares = pixels.reshape(
        count, channels, height // patch // merge, merge, patch, width // patch // merge, merge, patch
    )
    ordered = squares.permute(0, 2, 5, 3, 6, 1, 4, 7).unsqueeze(6).expand(*[-1] * 6, repeat, -1, -1)
    return ordered.reshape(-1, channels * repeat * patch * patch)


def planes(rows: Tensor, grid: Sequence[int], patch: int, merge: int, repeat: int) -> Tensor:
    """What `patches` makes, for pictures of `grid` patches (height, width), back to pixels (n, 3, h, w)."""
    high, wide = grid
    squares = rows.reshape(-1, high // merge, wide // merge, merge, merge, 3, repeat, patch, patch)[
        ..., 0, :, :
    ]
    return squares.permute(0, 5, 1, 3, 6, 2, 4, 7).reshape(-1, 3, high * patch, wide * patch)


def merged_order(tokens: Tensor, merge: int) -> Tensor:
    """A grid (n, width, high, wide) to tokens (n, high * wide, width) in the order of `patches`."""
    count, channels, high, wide = tokens.shape
    squares = tokens.reshape(count, channels, high // merge, merge, wide // merge, merge)
    return squares.permute(0, 2, 4, 3, 5, 1).flatten(1, 4)
