"""A head against what it could have been: FP32, one session, torch; its memory, its start, and the machine's
own ceiling.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from bench.head.arithmetic import MultiplyAdds, model_of, products_rate, write_products
from bench.head.results import (
    CHAIN,
    FP32,
    INT8,
    TORCH_BF16,
    TORCH_FP32,
    Ceiling,
    Footprint,
    HeadFigures,
    HeadTiming,
    Prefix,
    verdict,
)
from bench.head.towers import Towers
from bench.rig import child
from bench.rig.machine import Setting, setting
from protos.bundle import Bundle

_TIMING, _FOOTPRINT = "bench.head.interleaved_timing", "bench.head.footprint"
_STARTS = 3

TurnTimes = dict[str, list[float]]  # contender -> milliseconds of each turn


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
    for turn in child.results(_TIMING, folder, bundle.path, threads, repetitions):
        turns.append(turn)
        advance()
    times = {name: [turn[name] for turn in turns] for name in turns[0]}
    return _figures(
        bundle, towers.arithmetic, times, _footprints(bundle, folder, threads), setting(threads, repetitions)
    )


def _figures(
    bundle: Bundle, work: MultiplyAdds, times: TurnTimes, footprints: list[Footprint], where: Setting
) -> HeadFigures:
    medians = {name: statistics.median(those) for name, those in times.items()}
    ceiling = Ceiling(products_rate(medians["matmul-fp32"]), products_rate(medians["matmul-int8"]))
    names = (FP32, INT8, CHAIN, TORCH_FP32, TORCH_BF16)
    sizes = {footprint.name: footprint.file_bytes for footprint in footprints}
    speed = medians[FP32] / medians[INT8]
    return HeadFigures(
        model=bundle.manifest.model,
        bundle=bundle.digest,
        setting=where,
        timings=[_timing(name, times, ceiling, work) for name in names],
        prefixes=_prefixes(bundle, medians),
        footprints=footprints,
        multiply_adds=work,
        ceiling=ceiling,
        int8_speed=speed,
        chain_of_one=medians[CHAIN] / medians[INT8],
        int8_file_of_fp32=sizes[CHAIN] / sizes[FP32],
        verdict=verdict(speed, medians[FP32] / medians[CHAIN]),
    )


def _timing(name: str, times: TurnTimes, ceiling: Ceiling, work: MultiplyAdds) -> HeadTiming:
    median, least = statistics.median(times[name]), ceiling.milliseconds(name, work)
    return HeadTiming(
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
    empty = _write_empty(folder)
    loaded = {FP32: folder / "fp32.onnx", INT8: folder / "int8.onnx", CHAIN: bundle.path}
    files = {
        FP32: [loaded[FP32]],
        INT8: [loaded[INT8]],
        CHAIN: [bundle.path / piece.path for piece in bundle.manifest.pieces],
    }
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in loaded}
    for _ in range(_STARTS):
        for name, path in loaded.items():
            runs[name].extend(child.results(_FOOTPRINT, empty, path, threads))
    return [_footprint(name, files[name], those) for name, those in runs.items()]


def _write_empty(folder: Path) -> Path:
    """A graph without weights."""
    empty = folder / "empty.onnx"
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    onnx.save(model_of([helper.make_node("Identity", ["x"], ["y"])], *ends), empty)
    return empty


def _footprint(name: str, files: Iterable[Path], runs: Sequence[dict[str, float]]) -> Footprint:
    size = sum(path.stat().st_size for path in files)
    medians = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    resident, settled = int(medians["resident_bytes"]), int(medians["settled_bytes"])
    return Footprint(name, size, resident, settled, resident / size, settled / size, medians["start_ms"])
