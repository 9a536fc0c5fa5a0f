"""One graph to a chain of pieces, at the declared boundaries."""

from collections.abc import Iterator, Sequence

import onnx
from onnx.utils import Extractor

from protos.errors import CheckpointError
from splitter.graph.export import PIXELS
from splitter.graph.slim import slim


def cut(model: onnx.ModelProto, boundaries: Sequence[Sequence[str]]) -> list[onnx.ModelProto]:
    """Slim pieces from `pixels` to the first boundary, from there to the next, and so on; names are those of
    the graph.

    Raises CheckpointError where a boundary does not hold all that is alive: something behind it would need
    something before.
    """
    return [slim(piece) for piece in extracted(model, boundaries)]


def extracted(model: onnx.ModelProto, boundaries: Sequence[Sequence[str]]) -> Iterator[onnx.ModelProto]:
    """The same pieces as they stand in the graph, with all that clings to it."""
    extractor = Extractor(model)
    start: Sequence[str] = [PIXELS]
    for end in boundaries:
        _check_alive(model, start, end)
        yield extractor.extract_model(list(start), list(end))
        start = end


def _check_alive(model: onnx.ModelProto, start: Sequence[str], end: Sequence[str]) -> None:
    """Walk back from `end`: nothing may be needed but `start`, weights, and what is computed on the way."""
    makers = {output: node for node in model.graph.node for output in node.output}
    inputs = {value.name for value in model.graph.input} - set(start)
    pending, met, leaks = list(end), set(start), set()
    while pending:
        name = pending.pop()
        if name in met or not name:
            continue
        met.add(name)
        if name in inputs:
            leaks.add(name)
        elif name in makers:
            pending.extend(makers[name].input)
    if leaks:
        message = (
            f"between {list(start)} and {list(end)} the graph also needs {sorted(leaks)}: the "
            "family's boundary is incomplete"
        )
        raise CheckpointError(message, leaks=sorted(leaks))
