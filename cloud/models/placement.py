"""The device and dtype that the tail runs on: on a GPU the checkpoint's own two bytes a number, on a CPU the
faster of BF16 and FP32.

FP16 ends at 65,504, and checkpoints that were trained in BF16 pass that inside: every answer would be NaN.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import transformers

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
    named: str = ""  # the device in words, where another process has found that

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    @property
    def numerics(self) -> str:
        """What numbers depend on that are computed here: the kind of device, the precision, the libraries.
        Machines of one kind differ by less than dtypes do, and count as one.
        """
        precision = f"{self.dtype_name} {torch.get_float32_matmul_precision()}"
        libraries = f"torch {torch.__version__} transformers {transformers.__version__}"
        return f"{self.device.type} {precision} {libraries}"

    @property
    def device_name(self) -> str:
        """The device in words; of a GPU its model too."""
        if self.named:
            return self.named
        if self.device.type == "cuda":
            return f"cuda ({torch.cuda.get_device_name(self.device)})"
        return self.device.type


def choose(device: str, dtype: str, width: int, own: torch.dtype) -> list[Placement]:
    """The placements for the options `--device` and `--dtype`, the best first: the next is for a model whose
    numbers the one before cannot hold. There is one for a dtype that was asked for.

    `width` of the language model; `own`: the checkpoint's dtype. Raises RequestError for a GPU that is not
    there.
    """
    found = _device(device)
    if dtype != "auto":
        slow = (
            ": slow on a CPU, which has no arithmetic for it"
            if (found.type, dtype) == ("cpu", "float16")
            else ""
        )
        return [Placement(found, getattr(torch, dtype), f"asked for{slow}")]
    if found.type == "cuda":
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return [Placement(found, kind, why) for kind, why in gpu_dtypes(own, bf16=bf16)]
    return [_faster(found, width)]


def gpu_dtypes(own: torch.dtype, *, bf16: bool) -> Sequence[tuple[torch.dtype, str]]:
    """The dtypes for a GPU, the best first, each with its reason. `own`: the checkpoint's; `bf16`: whether
    the GPU computes in it.
    """
    wider = (torch.bfloat16 if bf16 else torch.float32, "its numbers pass the 65,504 of float16")
    if own != torch.bfloat16:
        why = "the checkpoint's own" if own == torch.float16 else "a GPU's fastest"
        return [(torch.float16, why), wider]
    if bf16:
        return [(torch.bfloat16, "the checkpoint's own")]
    return [(torch.float16, "this GPU does not compute in the checkpoint's bfloat16"), wider]


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
