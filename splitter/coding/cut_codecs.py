"""The codecs of a cut within a split: fitted to the calibration pictures, and learned where that was asked for."""

from collections.abc import Iterable

from protos import codec as wire
from splitter.coding import codecs
from splitter.coding.teaching import learned
from splitter.work import Work


def cut_codecs(
    work: Work,
    cut: str,
    boundary: codecs.Tensors,
    weighed: codecs.Weighing,
    further: Iterable[codecs.Tensors] | None = None,
    share: float = 1.0,
) -> list[codecs.Coding]:
    """The codecs that were asked for, from the cut's boundary on the calibration pictures: (pictures, tokens, width) by tensor name.

    `further`: the boundary of other pictures, some at a time. A learned codec learns from those too, for this `share` of the budget;
    without it none does. Its levels begin where the fitted codec's end, so that one comes with it.
    """
    kinds = list(work.options.codecs)
    if wire.Learned.name not in kinds:
        return codecs.fit(boundary, weighed, kinds)
    fitted = codecs.fit(boundary, weighed, [*kinds, wire.Fitted.name])
    return [*fitted, *learned(work, cut, boundary, weighed, further, share)] if further is not None else fitted
