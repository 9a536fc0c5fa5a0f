"""A head against what it could have been: FP32, one session, torch; its memory, its start, and the machine's
own ceiling.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from bench.head import contest
from bench.head.arithmetic import MultiplyAdds, model_of, products_rate, write_products
from bench.head.towers import Towers
from bench.rig import child
from bench.rig.machine import Setting, setting
from protos.bundle import Bundle

FP32, INT8, CHAIN = "fp32", "int8", contest.CHAIN
_STARTS = 3

Times = dict[str, list[float]]  # contender -> milliseconds of each turn


@dataclass(frozen=True)
class Timing:
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
    timings: list[Timing]
    prefixes: list[Prefix]
    footprints: list[Footprint]
    multiply_adds: MultiplyAdds
    ceiling: Ceiling
    int8_speed: float
    chain_of_one: float
    int8_file_of_fp32: float
    verdict: str


def measure(
    bundle: Bundle, towers: Towers, folder: Path, threads: int, repetitions: int, advance: Callable[[], None]
) -> HeadFigures:
    """Measure a bundle's head; the graphs to compare with are written into `folder`. `advance` is called
    after each turn.
    """
    last = bundle.manifest.pieces[-1].cut
    towers.write_uncut(folder, last)
    write_products(folder)
    turns = []
    for turn in child.said(contest.__name__, folder, bundle.path, threads, repetitions):
        turns.append(turn)
        advance()
    times = {name: [turn[name] for turn in turns] for name in turns[0]}
    return _figures(
        bundle, towers.arithmetic, times, _footprints(bundle, folder, threads), setting(threads, repetitions)
    )


def _figures(
    bundle: Bundle, work: MultiplyAdds, times: Times, kept: list[Footprint], where: Setting
) -> HeadFigures:
    medians = {name: statistics.median(those) for name, those in times.items()}
    ceiling = Ceiling(products_rate(medians["matmul-fp32"]), products_rate(medians["matmul-int8"]))
    names = (FP32, INT8, CHAIN, contest.TORCH_FP32, contest.TORCH_BF16)
    sizes = {footprint.name: footprint.file_bytes for footprint in kept}
    speed = medians[FP32] / medians[INT8]
    return HeadFigures(
        model=bundle.manifest.model,
        bundle=bundle.digest,
        setting=where,
        timings=[_timing(name, times, ceiling, work) for name in names],
        prefixes=_prefixes(bundle, medians),
        footprints=kept,
        multiply_adds=work,
        ceiling=ceiling,
        int8_speed=speed,
        chain_of_one=medians[CHAIN] / medians[INT8],
        int8_file_of_fp32=sizes[CHAIN] / sizes[FP32],
        verdict=verdict(speed, medians[FP32] / medians[CHAIN]),
    )


def verdict(one: float, chain: float) -> str:
    """What the speeds of INT8 against FP32 mean, in a sentence."""
    said = f"INT8 is {one:.2f} times as fast as FP32 here, the chain {chain:.2f} times"
    return said if min(one, chain) >= 1 else f"{said}: INT8 does not pay on this machine, FP32 is faster"


def _timing(name: str, times: Times, ceiling: Ceiling, work: MultiplyAdds) -> Timing:
    median, least = statistics.median(times[name]), ceiling.milliseconds(name, work)
    return Timing(
        name,
        median,
        min(times[name]),
        statistics.median(times[FP32]) / median,
        least / median if least else None,
    )


def _prefixes(bundle: Bundle, medians: dict[str, float]) -> list[Prefix]:
    times = {piece.cut: medians[f"to {piece.cut}"] for piece in bundle.manifest.pieces}
    whole = times[bundle.manifest.pieces[-1].cut]
    return [Prefix(cut, time, time / whole) for cut, time in times.items()]


def _footprints(bundle: Bundle, folder: Path, threads: int) -> list[Footprint]:
    """FP32, one INT8 session and the chain, in turns, each time in a fresh process."""
    empty = folder / "empty.onnx"
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    onnx.save(model_of([helper.make_node("Identity", ["x"], ["y"])], *ends), empty)
    files = {
        FP32: [folder / "fp32.onnx"],
        INT8: [folder / "int8.onnx"],
        CHAIN: [bundle.path / p.path for p in bundle.manifest.pieces],
    }
    what = {FP32: folder / "fp32.onnx", INT8: folder / "int8.onnx", CHAIN: bundle.path}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in what}
    for _ in range(_STARTS):
        for name, path in what.items():
            found[name].extend(child.said("bench.head.resident", empty, path, threads))
    return [_footprint(name, files[name], runs) for name, runs in found.items()]


def _footprint(name: str, files: Iterable[Path], runs: Sequence[dict[str, float]]) -> Footprint:
    size = sum(path.stat().st_size for path in files)
    middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    resident, settled = int(middle["resident_bytes"]), int(middle["settled_bytes"])
    return Footprint(name, size, resident, settled, resident / size, settled / size, middle["start_ms"])
