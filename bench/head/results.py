"""What was measured of a head, as values."""

from dataclasses import dataclass

from bench.head.arithmetic import MultiplyAdds
from bench.rig.machine import Setting

FP32, INT8, CHAIN = "fp32", "int8", "chain"
TORCH_FP32, TORCH_BF16 = "torch-fp32", "torch-bf16"


@dataclass(frozen=True)
class HeadTiming:
    """Milliseconds for one picture, the median and the fastest, which other work disturbs least.

    `speed` compares medians with FP32 in onnxruntime; `of_ceiling` is the time the arithmetic alone would
    take, as a share of the median.
    """

    name: str
    median_ms: float
    min_ms: float
    speed: float
    of_ceiling: float | None


@dataclass(frozen=True)
class Prefix:
    """The chain as far as a cut."""

    cut: str
    median_ms: float
    share: float


@dataclass(frozen=True)
class Footprint:
    """Beyond an empty onnxruntime: resident after loading and one run, and after a few (`settled`); the start
    is loading alone.
    """

    name: str
    file_bytes: int
    resident_bytes: int
    settled_bytes: int
    of_file: float
    settled_of_file: float
    start_ms: float


@dataclass(frozen=True)
class Ceiling:
    """The machine's rates in multiply-adds a second, through onnxruntime, in the same run."""

    fp32_rate: float
    int8_rate: float

    def milliseconds(self, name: str, work: MultiplyAdds) -> float | None:
        """What the multiply-adds alone would take; INT8 heads do those with weights in INT8 and the rest in
        float.
        """
        if name == FP32:
            return work.total / self.fp32_rate * 1e3
        if name in {INT8, CHAIN}:
            return (work.weights / self.int8_rate + work.floating / self.fp32_rate) * 1e3
        return None


@dataclass(frozen=True)
class HeadFigures:
    """All that `isthmus bench head` says of a head."""

    model: str
    bundle: str
    setting: Setting
    timings: list[HeadTiming]
    prefixes: list[Prefix]
    footprints: list[Footprint]
    multiply_adds: MultiplyAdds
    ceiling: Ceiling
    int8_speed: float
    chain_of_one: float
    int8_file_of_fp32: float
    verdict: str


def verdict(one: float, chain: float) -> str:
    """What the speeds of INT8 against FP32 mean, in a sentence."""
    speeds = f"INT8 is {one:.2f} times as fast as FP32 here, the chain {chain:.2f} times"
    return speeds if min(one, chain) >= 1 else f"{speeds}: INT8 does not pay on this machine, FP32 is faster"
