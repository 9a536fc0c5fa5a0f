"""onnxruntime as a device needs it: all sessions of the process in one arena, and threads that sleep when
they have nothing to do.

Each session has threads of its own, and the chain runs one session after another. onnxruntime could share one
pool, but its threads would spin for work between answers, which this process cannot forbid there: with two
threads, an answer takes two to five times the processor time.
"""

import contextlib
import ctypes
import logging
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from edge import config
from edge.models.providers import AUTO, ON_CPU, Placement, providers
from protos import bundle_pb2 as pb
from protos.bundle import Bundle
from protos.errors import BundleDamaged, RequestError

# One region, so that freed blocks merge into larger ones; the system hands out a page of it only when it is
# touched.
_ARENA = {
    "arena_extend_strategy": 0,
    "initial_chunk_size_bytes": 64 << 20,
    "max_dead_bytes_per_chunk": 64 << 10,
}
_ONLY_ERRORS = 3
_log = logging.getLogger(__name__)
_UNREADABLE = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


def place(bundle: Bundle, precision: pb.Precision, provider: str = "") -> Placement:
    """Where graphs of a bundle run: on the provider that is named here or in the environment, or that suits
    their precision best.

    Raises RequestError for one that this onnxruntime lacks.
    """
    choice, available = provider or config.provider(), ort.get_available_providers()
    engines = config.engines_folder(bundle.digest)
    chosen = providers(choice, available, precision, engines, config.gpu())
    if any("trt_engine_cache_path" in options for _, options in chosen) and not _made(engines):
        chosen = providers(choice, available, precision, None, config.gpu())
    return Placement(chosen, insisted=choice != AUTO)


def _made(engines: Path | None) -> bool:
    """Whether there is a folder for engines: TensorRT makes the last one of a path only."""
    if engines is None:
        return False
    try:
        engines.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _log.warning("TensorRT builds its engines anew each time: %s (%s)", engines, error.strerror)
        return False
    return True


def session(path: Path, threads: int = 1, placement: Placement = ON_CPU) -> ort.InferenceSession:
    """An ONNX file ready to run. Raises BundleDamaged for a file that is not a graph, RequestError for a
    provider that does not start.
    """
    _share_arena()
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # it takes one block for all of a run, beside what the first run took: no faster, 45 MB at 512 px
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = _ONLY_ERRORS
    try:
        opened = ort.InferenceSession(str(path), options, providers=list(placement.providers))
    except _UNREADABLE as error:
        raise BundleDamaged(
            f"{path} is not an ONNX file that can be run ({error}); fetch or split the bundle again",
            file=str(path),
        ) from error
    _trim_heap()
    if placement.insisted and placement.providers[0][0] not in opened.get_providers():
        text = (
            f"{placement.providers[0][0]} is part of this onnxruntime but does not start: its driver or "
            "libraries are missing"
        )
        raise RequestError(
            f"{text}; install them, or choose --provider auto", provider=placement.providers[0][0]
        )
    return opened


def check(opened: ort.InferenceSession, path: str, inputs: Iterable[str], outputs: Iterable[str]) -> None:
    """Raises BundleDamaged unless the graph of a bundle's file takes these inputs, and gives at least these
    outputs.
    """
    takes, gives = ({node.name for node in nodes} for nodes in (opened.get_inputs(), opened.get_outputs()))
    missing = (set(inputs) ^ takes) | (set(outputs) - gives)
    if missing:
        raise BundleDamaged(
            f"{path} and the manifest disagree about {', '.join(sorted(missing))}; split the model again",
            file=path,
        )


@cache
def _share_arena() -> None:
    memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(memory, ort.OrtArenaCfg(_ARENA))


def _trim_heap() -> None:
    """Hand back to the system what loading took and freed: the file's bytes, and weights as they were before
    they were packed.
    """
    # only glibc keeps it, and only glibc has the function
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
