"""The form of a head that a split publishes: the one asked for, unless it does not pay on this machine."""

from dataclasses import asdict, dataclass
from typing import Any

import onnx

from splitter.graph.chain import Chain, reached
from splitter.graph.cut import cut, extracted
from splitter.graph.files import file_bytes, weight_bytes
from splitter.graph.slim import slim
from splitter.memory import trim_memory
from splitter.quantize.convert import convert
from splitter.quantize.form import FP32, QuantFormat
from splitter.quantize.mixed_precision import restore_float
from splitter.quantize.static import Batches
from splitter.quantize.timing import timing
from splitter.stages.loss import cosine, pixels
from splitter.stages.sensitivity import Search, search
from splitter.stages.work import Work

_CALIBRATION_PICTURES = 64
_BATCH = 4
_COMPARED_PICTURES = 8


@dataclass(frozen=True)
class Selected:
    """The pieces to publish, their form, and for the report what was measured on the way."""

    pieces: list[onnx.ModelProto]
    form: QuantFormat
    facts: dict[str, Any]


def choose(work: Work, original: onnx.ModelProto) -> Selected:
    """Convert the exported tower, cut it, and measure it against FP32: bytes, time, and cosine at every cut.

    A form that is slower than FP32 on this machine is told, and given up for FP32 unless it was asked for by
    name.
    """
    form = work.options.form
    graph, found = _converted(work, original)
    pieces = cut(graph, work.graph_names())
    facts: dict[str, Any] = {"asked": form.parts} | ({"search": found.facts()} if found else {})
    if form.precision != FP32:
        measured = work.parts.value("precision", lambda: _measured(work, original, pieces))
        facts |= measured
        work.say(_told(form, measured))
        if measured["speed"] < 1 and work.options.only_if_faster:
            work.say(
                f"{form} does not pay on this machine, so the head stays in FP32; --precision "
                f"{form.precision} insists on it"
            )
            form, graph, pieces = QuantFormat(FP32), original, cut(original, work.graph_names())
    return Selected(
        pieces, form, facts | {"used": form.parts, "sizes": _sizes(work, original, graph, pieces)}
    )


def in_form(work: Work, original: onnx.ModelProto) -> onnx.ModelProto:
    """The tower in the form that was asked for, all of it."""
    form = work.options.form
    if form.precision == FP32:
        return original
    return work.parts.model(
        f"tower-{form.precision}", lambda: convert(original, form, _batches(work), work.options.threads)
    )


def _converted(work: Work, original: onnx.ModelProto) -> tuple[onnx.ModelProto, Search | None]:
    form, bound = work.options.form, work.options.max_loss
    if form.precision == FP32:
        return original, None
    work.say(f"converting the head to {form}")
    graph = in_form(work, original)
    if bound is None:
        return graph, None
    found = search(work, original, graph, bound)
    work.say(_found(found))
    return restore_float(graph, original, found.outputs), found


def _batches(work: Work) -> Batches:
    """Calibration pictures for static quantisation, a few at a time."""
    seen = work.subject.calibration
    count = min(_CALIBRATION_PICTURES, len(seen))
    for start in range(0, count, _BATCH):
        work.advance("calibrating activations", start, count)
        yield work.pixels([seen[index] for index in range(start, min(start + _BATCH, count))])


def _measured(work: Work, original: onnx.ModelProto, pieces: list[onnx.ModelProto]) -> dict[str, Any]:
    """Time and bytes of weights of the whole chain in FP32 and in its form, and the cosine at every cut."""
    threads, names = work.options.threads, work.graph_names()
    size = {"fp32": weight_bytes(original), "form": sum(map(weight_bytes, pieces))}
    fp32, form = (
        Chain(extracted(original, names), threads),
        Chain(pieces, threads),
    )  # one FP32 piece in memory at a time
    work.advance("racing with FP32", 0, 1)
    timed = timing(fp32, form, work.held_out[:1], threads)
    del fp32
    trim_memory()
    shown = pixels(work, _COMPARED_PICTURES)
    given = form.run(shown)
    del form
    trim_memory()
    wanted = reached(extracted(original, names), shown)
    near = {name: cosine(*both) for name, *both in zip(work.cuts, given, wanted, strict=True)}
    return {"milliseconds": asdict(timed), "speed": timed.speed, "bytes": size, "cosine": near}


def _sizes(
    work: Work, original: onnx.ModelProto, graph: onnx.ModelProto, pieces: list[onnx.ModelProto]
) -> list[dict[str, Any]]:
    """Bytes of each published piece: in FP32, in its form as it stood in the graph, and slim."""
    names = work.graph_names()
    plain = [file_bytes(slim(piece)) for piece in extracted(original, names)]
    before = [file_bytes(piece) for piece in extracted(graph, names)]
    rows = zip(work.cuts, plain, before, pieces, strict=True)
    return [
        {"cut": name, "fp32": fp32, "before": raw, "after": file_bytes(piece)}
        for name, fp32, raw, piece in rows
    ]


def _told(form: QuantFormat, measured: dict[str, Any]) -> str:
    times, size = measured["milliseconds"], measured["bytes"]
    last, near = list(measured["cosine"].items())[-1]
    speed = (
        f"{measured['speed']:.3g} times as fast as FP32 ({times['form']:.1f} ms against {times['fp32']:.1f})"
    )
    return f"{form}: {speed}, {size['form'] / size['fp32']:.3f} of its bytes, cosine {near:.5f} at {last}"


def _found(found: Search) -> str:
    unit = "points of accuracy" if found.unit == "points" else "percent of cosine"
    if not found.freed:
        return (
            f"all quantised loses {found.before:.3f} {unit}, at most {found.bound:g} is allowed: "
            "nothing stays in float"
        )
    reached = f"{found.freed} MatMuls stay in float and {found.after:.3f} is lost"
    if not found.holds:
        return (
            f"all quantised loses {found.before:.3f} {unit}; even with all {reached}, more than the "
            f"{found.bound:g} allowed"
        )
    return f"all quantised loses {found.before:.3f} {unit}; {reached}, at most {found.bound:g} is allowed"
