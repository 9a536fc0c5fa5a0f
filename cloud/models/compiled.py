"""`--compile`: the decoder's step by torch.compile, where that is faster, measured now.

That takes minutes, and seconds where it was compiled before. Nothing is compiled for a model that answers:
what has a shape that was not met before runs as it would without.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet

import torch
from torch import nn
from torch._inductor.async_compile import shutdown_compile_workers

from cloud.models.served_models import ServedModel
from cloud.models.tail import Tail

_log = logging.getLogger(__name__)
_COMPILED: WeakSet[nn.Module] = WeakSet()
_ROWS = (1, 2, 3)  # torch compiles one row apart from several; the third proves that two are several
_STEPS = 8
_MAX_RATIO = 0.9  # a compiled step must win by a tenth
_MAX_REASON = 200  # characters of torch's words


@contextmanager
def _others_uncompiled() -> Iterator[None]:
    """What is compiled runs uncompiled: while torch compiles, it would compile new shapes of that, too, and
    whoever is answered by it would wait.
    """
    calls = [(decoder, decoder._compiled_call_impl) for decoder in _COMPILED]  # noqa: SLF001 - as below
    for decoder, _ in calls:
        _restore(decoder)
    try:
        yield
    finally:
        for decoder, call in calls:
            decoder._compiled_call_impl = call  # noqa: SLF001 - as below


def compile_step(model: ServedModel, backend: str = "inductor") -> bool:
    """Compile a model's decode step in place, beside others that may answer; whether it is compiled now.
    Where torch cannot, or where that is no faster, the model stays as it is, and a log line says why.
    """
    with _others_uncompiled():
        return _compiled(model, backend)


def _compiled(model: ServedModel, backend: str) -> bool:
    name, decoder = model.bundle.manifest.model, model.decoder if isinstance(model, Tail) else None
    if not isinstance(model, Tail) or decoder is None:
        _log.warning("--compile: the family of %s has no decoder that can be compiled; it runs as ever", name)
        return False
    torch._dynamo.config.recompile_limit = 64  # noqa: SLF001 - of all models whose code is the same
    began, eager = time.monotonic(), _seconds(model)
    try:
        decoder.compile(dynamic=True, backend=backend)
        with torch.compiler.set_stance("default"):
            _seconds(model)
        shutdown_compile_workers()
        torch.compiler.set_stance("eager_on_recompile")
        compiled = _seconds(model)
    except Exception as error:  # noqa: BLE001 - dynamo, inductor and the compiler may raise anything
        why = next(iter(str(error).splitlines()), type(error).__name__)[:_MAX_REASON]
        _log.warning("--compile: torch cannot compile %s (%s); it runs as ever", name, why)
        _log.info("torch failed", exc_info=error)
        _restore(decoder)
        return False
    facts = (name, 1000 * compiled, 1000 * eager, time.monotonic() - began)
    if compiled > _MAX_RATIO * eager:
        _log.warning(
            "--compile: %s takes %.1f ms a step instead of %.1f (after %.0f s); it runs as ever", *facts
        )
        _restore(decoder)
        return False
    _log.warning("--compile: %s takes %.1f ms a step instead of %.1f (compiled in %.0f s)", *facts)
    _COMPILED.add(decoder)
    return True


def _restore(decoder: nn.Module) -> None:
    decoder._compiled_call_impl = None  # noqa: SLF001 - torch has no other way back


@torch.inference_mode()
def _seconds(tail: Tail) -> float:
    """Of a decode step, the mean over numbers of rows."""
    return sum(_step_seconds(tail, rows) for rows in _ROWS) / len(_ROWS)


def _step_seconds(tail: Tail, rows: int) -> float:
    batch = tail.trial_batch(rows)
    with torch.compiler.set_stance("force_eager"):  # prompts are compiled for no service
        batch.prefill()
    seconds = []
    for _ in range(_STEPS):
        start = time.perf_counter()
        batch.decode([0] * rows).tolist()  # waits for a GPU
        seconds.append(time.perf_counter() - start)
    return min(seconds)  # of a busy machine the others say less
