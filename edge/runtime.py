"""onnxruntime as a device needs it: every session of the process on one thread pool and one arena.

A chain of sessions costs what one session costs only if they share both. They belong to the process: the first session fixes the
number of threads, and afterwards every session must be made here (onnxruntime refuses one with a pool of its own).
"""

import contextlib
import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from edge import config
from protos.errors import BundleDamaged

Provider = tuple[str, dict[str, str]]

# One region, so that freed blocks merge into larger ones; the system hands out a page of it only when it is touched.
_ARENA = {"arena_extend_strategy": 0, "initial_chunk_size_bytes": 64 << 20, "max_dead_bytes_per_chunk": 64 << 10}
_ONLY_ERRORS = 3
_UNREADABLE = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


def session(path: Path, threads: int = 1) -> ort.InferenceSession:
    """An ONNX file ready to run on the best provider there is. Raises BundleDamaged for a file that is not a graph."""
    _share_arena()
    _share_threads(threads)
    options = ort.SessionOptions()
    options.use_per_session_threads = False
    options.enable_mem_pattern = False  # it takes one block for all of a run, beside what the first run took: no faster, 45 MB at 512 px
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = _ONLY_ERRORS
    chosen = providers(ort.get_available_providers(), config.cache_folder())
    try:
        opened = ort.InferenceSession(str(path), options, providers=chosen)
    except _UNREADABLE as error:
        raise BundleDamaged(
            f"{path} is not an ONNX file that can be run ({error}); fetch or split the bundle again", file=str(path)
        ) from error
    _give_back_heap()
    return opened


def providers(available: Sequence[str], cache_folder: Path) -> list[Provider]:
    """The providers to use, best first, with their options: TensorRT, CUDA, CPU, as far as they are available."""
    engines = {
        "trt_fp16_enable": "1",
        "trt_engine_cache_enable": "1",  # building an engine takes minutes on a Jetson
        "trt_engine_cache_path": str(cache_folder / "tensorrt"),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(cache_folder / "tensorrt"),
    }
    cuda = {"arena_extend_strategy": "kSameAsRequested", "cudnn_conv_algo_search": "HEURISTIC"}
    known: list[Provider] = [("TensorrtExecutionProvider", engines), ("CUDAExecutionProvider", cuda), ("CPUExecutionProvider", {})]
    return [(name, options) for name, options in known if name in available]


@cache
def _share_threads(threads: int) -> None:
    try:
        ort.set_global_thread_pool_sizes(threads, 1)
    except ort_errors.Fail:
        return  # the process has its pool already, and keeps it


@cache
def _share_arena() -> None:
    memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(memory, ort.OrtArenaCfg(_ARENA))


def _give_back_heap() -> None:
    """Hand back to the system what loading took and freed: the file's bytes, and weights as they were before they were packed."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # only glibc keeps it, and only glibc has the function
        ctypes.CDLL(None).malloc_trim(0)
