"""Which of onnxruntime's execution providers run a bundle's graphs, and with which options. No session, no
environment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from protos import bundle_pb2 as pb
from protos.errors import RequestError

AUTO, CPU, CUDA, TENSORRT = CHOICES = ("auto", "cpu", "cuda", "tensorrt")
PROVIDER_HELP = (
    "what runs the models; auto: what suits the bundle's precision best, of what this onnxruntime has"
)

Provider = tuple[str, dict[str, str]]


@dataclass(frozen=True)
class Placement:
    """Providers, best first. `insisted`: the first was asked for by name, and no other will do."""

    providers: Sequence[Provider]
    insisted: bool = False


_CPU: Provider = ("CPUExecutionProvider", {})
_NAMES = {CPU: _CPU[0], CUDA: "CUDAExecutionProvider", TENSORRT: "TensorrtExecutionProvider"}


ON_CPU = Placement([_CPU])


def providers(
    choice: str, available: Sequence[str], precision: pb.Precision, engines: Path | None, device: int = 0
) -> list[Provider]:
    """The providers to ask onnxruntime for, best first, the CPU last, as far as they are `available`
    (onnxruntime's names).

    `choice` is one of CHOICES; `precision` that of the graphs, `engines` the folder for what TensorRT builds
    of them, if there is one, `device` the GPU's number. Raises RequestError for a choice that is unknown, or
    that this onnxruntime lacks.
    """
    wanted = _suited(precision) if choice == AUTO else _asked(choice, available)
    options = {CUDA: _cuda(device), TENSORRT: _tensorrt(precision, engines, device)}
    return [*((_NAMES[name], options[name]) for name in wanted if _NAMES[name] in available), _CPU]


def _asked(choice: str, available: Sequence[str]) -> list[str]:
    """What was asked for, and behind TensorRT CUDA, for the nodes that it cannot run."""
    if choice not in _NAMES:
        raise RequestError(
            f"there is no provider {choice!r}; choose one of: {', '.join(CHOICES)}", name=choice
        )
    if _NAMES[choice] not in available:
        had = ", ".join(name for name, full in _NAMES.items() if full in available)
        remedy = "choose one of those, or install onnxruntime-gpu (on a Jetson, NVIDIA's own build)"
        raise RequestError(
            f"this onnxruntime has no {choice} provider, it has: {had}; {remedy}",
            name=choice,
            available=list(available),
        )
    return {CPU: [], CUDA: [CUDA], TENSORRT: [TENSORRT, CUDA]}[choice]


def _suited(precision: pb.Precision) -> list[str]:
    """What runs graphs of a precision well.

    Dynamic INT8 has no kernels on a GPU: every product would travel to the CPU and back. TensorRT parses
    neither unsigned activations nor 4-bit products; CUDA computes the first in float, and has the second.
    """
    if precision.quantization == "dynamic" or not precision.precision:
        return []
    if precision.precision == "int4" or precision.activations == "u8":
        return [CUDA]
    return [TENSORRT, CUDA]


def _cuda(device: int) -> dict[str, str]:
    return {
        "device_id": str(device),
        "arena_extend_strategy": "kSameAsRequested",
        "cudnn_conv_algo_search": "HEURISTIC",
    }


def _tensorrt(precision: pb.Precision, engines: Path | None, device: int) -> dict[str, str]:
    """INT8 where QDQ nodes say so, in the form that TensorRT takes; FP16 for all else."""
    int8 = precision.quantization == "static" and precision.activations == "s8"
    options = {"device_id": str(device), "trt_fp16_enable": "1", "trt_int8_enable": str(int(int8))}
    if engines is None:
        return options
    return options | {
        "trt_engine_cache_enable": "1",  # building an engine takes minutes on a Jetson
        "trt_engine_cache_path": str(engines),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(engines),
    }
