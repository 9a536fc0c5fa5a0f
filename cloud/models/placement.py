"""The device and dtype that the tail runs on: FP16 on a GPU, the faster of BF16 and FP32 on a CPU."""

import time
from dataclasses import dataclass

import torch

from protos.errors import RequestError

_ROWS = 256  # about what a prefill multiplies at once
_SECONDS = 0.02  # of measuring, for each dtype
_MAX_RATIO = 0.9  # BF16 rounds more than FP32, so it must win by a tenth


@dataclass(frozen=True)
class Placement:
    """A device, a dtype, and the reason for them in words."""

    device: torch.device
    dtype: torch.dtype
    why: str

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    @property
    def device_name(self) -> str:
        """The device in words; of a GPU its model too."""
        if self.device.type == "cuda":
            return f"cuda ({torch.cuda.get_device_name(self.device)})"
        return self.device.type


def choose(device: str, dtype: str, width: int) -> Placement:
    """The placement for the options `--device` and `--dtype`, and the width of the widest model.

    Raises RequestError for a GPU that is not there.
    """
    found = _device(device)
    if dtype != "auto":
        slow = (
            ": slow on a CPU, which has no arithmetic for it"
            if (found.type, dtype) == ("cpu", "float16")
            else ""
        )
        return Placement(found, getattr(torch, dtype), f"asked for{slow}")
    if found.type == "cuda":
        return Placement(found, torch.float16, "a GPU's fastest")
    return _faster(found, width)


def _device(name: str) -> torch.device:
    present = torch.cuda.is_available()
    if name == "cuda" and not present:
        raise RequestError(
            "--device is cuda, but torch finds no CUDA device here; use --device cpu, or install a CUDA "
            "build of torch"
        )
    return torch.device("cuda" if present and name != "cpu" else "cpu")


def _faster(device: torch.device, width: int) -> Placement:
    full, half = (_matmul_seconds(dtype, width) for dtype in (torch.float32, torch.bfloat16))
    if half < full * _MAX_RATIO:
        return Placement(
            device,
            torch.bfloat16,
            f"{full / half:.1f} times as fast as float32 at width {width}, measured now",
        )
    return Placement(
        device,
        torch.float32,
        f"bfloat16 takes {half / full:.1f} times as long at width {width}, measured now",
    )


def _matmul_seconds(dtype: torch.dtype, width: int) -> float:
    """The best of several products (rows, width) x (width, 4 width): a layer's largest."""
    left, right = torch.ones(_ROWS, width, dtype=dtype), torch.ones(width, 4 * width, dtype=dtype)
    best, until = float("inf"), time.perf_counter() + _SECONDS
    torch.mm(left, right)
    while best == float("inf") or time.perf_counter() < until:
        start = time.perf_counter()
        torch.mm(left, right)
        best = min(best, time.perf_counter() - start)
    return best
