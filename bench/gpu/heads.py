"""The head on each execution provider that is there."""

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime

from edge.models.head import Head
from edge.models.providers import CPU, CUDA
from edge.pictures.preprocess import Preprocessor
from protos.arrays import Floats
from protos.bundle import Bundle
from splitter.nano.scenes import HELD_OUT_SEEDS, picture

_PROVIDERS = {CPU: "CPUExecutionProvider", CUDA: "CUDAExecutionProvider"}
_WARM_UP = 2
_SCENES = 4


@dataclass(frozen=True)
class HeadOn:
    """Milliseconds of the whole head, the median, and how far its last boundary is from the CPU's: the
    largest difference, to the largest number there.
    """

    provider: str
    milliseconds: float
    difference: float


def measure(bundle: Bundle, repetitions: int) -> Iterator[HeadOn]:
    """On the CPU first, then on CUDA where this onnxruntime has it. Raises RequestError for a provider that
    does not start.
    """
    preprocessor, cut = Preprocessor(bundle.manifest.preprocessing), bundle.manifest.cuts[-1].name
    scenes = [
        preprocessor.pixels(preprocessor.resize(picture(HELD_OUT_SEEDS + seed).image))
        for seed in range(_SCENES)
    ]
    expected: Sequence[Mapping[str, Floats]] = ()
    for provider in available():
        head = Head(bundle, provider=provider)
        boundaries = [head.run(pixels, cut).boundary for pixels in scenes]
        expected = expected or boundaries
        times = []
        for turn in range(_WARM_UP + repetitions):
            began = time.perf_counter()
            head.run(scenes[turn % len(scenes)], cut)
            times.append(1000 * (time.perf_counter() - began))
        yield HeadOn(provider, statistics.median(times[_WARM_UP:]), _difference(expected, boundaries))


def available() -> list[str]:
    """The providers that this onnxruntime has, of those that are compared."""
    return [name for name, theirs in _PROVIDERS.items() if theirs in onnxruntime.get_available_providers()]


def _difference(expected: Sequence[Mapping[str, Floats]], got: Sequence[Mapping[str, Floats]]) -> float:
    worst = 0.0
    for one, other in zip(expected, got, strict=True):
        for name, values in one.items():
            scale = float(np.abs(values).max()) or 1.0
            worst = max(worst, float(np.abs(values - other[name]).max()) / scale)
    return worst
