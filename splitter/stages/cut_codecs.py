"""The codecs of a cut within a split: fitted to the calibration pictures, and learned where that was asked
for.
"""

from collections.abc import Iterable

from splitter.codecs import codecs
from splitter.stages.learned_codec import learned
from splitter.stages.work import Work


def cut_codecs(
    work: Work,
    cut: str,
    boundary: codecs.Tensors,
    weighed: codecs.Weighing,
    further: Iterable[codecs.Tensors] | None = None,
    share: float = 1.0,
) -> list[codecs.Coding]:
    """The codecs that were asked for, from the cut's boundary on the calibration pictures: (pictures, tokens,
    width) by tensor name.

    `further`: the boundary of other pictures, some at a time. A learned codec learns from those too, for this
    `share` of the budget; without it none does. Its levels begin where the fitted codec's end, so that one
    comes with it.
    """
    learns = "learned" in work.options.codecs
    kinds = [*work.options.codecs, *(["fitted"] if learns else [])]
    transforms = codecs.fitted_transforms(boundary, weighed) if "fitted" in kinds else {}
    made = codecs.fit(boundary, transforms, kinds)
    return (
        [*made, *learned(work, cut, boundary, transforms, further, share)]
        if learns and further is not None
        else made
    )
