"""What `isthmus bench head` prints."""

from rich.console import Console
from rich.table import Table

from bench.head.footprint import SETTLED_RUNS
from bench.head.results import HeadFigures
from bench.rig.machine import Setting, describe

_LABELS = {
    "fp32": "FP32",
    "int8": "INT8, one",
    "chain": "INT8, chain",
    "torch-fp32": "FP32, torch",
    "torch-bf16": "BF16, torch",
}


def show(figures: HeadFigures, console: Console) -> None:
    """Three tables, and below them where it was measured and what it means."""
    console.print(_times(figures), _prefixes(figures), _memory(figures), sep="\n")
    for line in (
        _memory_note(figures),
        _arithmetic(figures),
        describe(figures.setting),
        _meaning(figures),
        *_warnings(figures.setting),
    ):
        console.print(line, highlight=False)


def _meaning(figures: HeadFigures) -> str:
    return f"{figures.verdict}; the chain takes {figures.chain_of_one:.2f} of one session."


def _warnings(where: Setting) -> list[str]:
    busy = (
        f"The machine was busy with other work (load {where.load} on {where.cores} cores): measure "
        "again when it is quiet."
    )
    return [busy] if where.load > where.cores else []


def _memory_note(figures: HeadFigures) -> str:
    return (
        f"Memory is beyond an empty onnxruntime; the chain's files have {figures.int8_file_of_fp32:.3f} "
        "of FP32's bytes."
    )


def _arithmetic(figures: HeadFigures) -> str:
    work, ceiling = figures.multiply_adds, figures.ceiling
    parts = (
        f"{work.weights / 1e9:.2f} G with weights, {work.attention / 1e9:.2f} G attention, "
        f"{work.other / 1e9:.2f} G other"
    )
    rates = f"FP32 {ceiling.fp32_rate / 1e9:.0f}, INT8 {ceiling.int8_rate / 1e9:.0f} G a second"
    return f"Multiply-adds: {parts}; this machine's matrix products, in the same run: {rates}."


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    return table


def _times(figures: HeadFigures) -> Table:
    table = _table(f"{figures.model}: the head", "form", "median ms", "fastest ms", "speed", "of ceiling")
    for timing in figures.timings:
        share = "" if timing.of_ceiling is None else f"{timing.of_ceiling:.0%}"
        table.add_row(
            _LABELS[timing.name],
            f"{timing.median_ms:.2f}",
            f"{timing.min_ms:.2f}",
            f"{timing.speed:.2f}x",
            share,
        )
    return table


def _prefixes(figures: HeadFigures) -> Table:
    table = _table("the chain as far as", "cut", "median ms", "of all")
    for prefix in figures.prefixes:
        table.add_row(prefix.cut, f"{prefix.median_ms:.2f}", f"{prefix.share:.0%}")
    return table


def _memory(figures: HeadFigures) -> Table:
    columns = ("files MB", "resident", "of files", f"{SETTLED_RUNS} runs", "of files", "start ms")
    table = _table("memory in MB after loading and one run, and start", "form", *columns)
    for footprint in figures.footprints:
        once = (
            _megabytes(footprint.file_bytes),
            _megabytes(footprint.resident_bytes),
            f"{footprint.of_file:.2f}x",
        )
        table.add_row(
            _LABELS[footprint.name],
            *once,
            _megabytes(footprint.settled_bytes),
            f"{footprint.settled_of_file:.2f}x",
            f"{footprint.start_ms:.0f}",
        )
    return table


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}"
