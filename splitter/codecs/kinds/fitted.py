"""The fitted codec: principal directions as the tail sees them, one step a level, static tables."""

from splitter.codecs.kind import Calibration, CodecKind
from splitter.codecs.levels import Transformed, levels, steps_of

# The share of the variance, seen through the metric, that quantisation may cost at each level: from no loss
# in any kind of question at a connector to the last that pays at an early cut.
DISTORTIONS = (0.003, 0.006, 0.012, 0.025, 0.045, 0.075, 0.12)


class FittedKind(CodecKind):
    """Seven levels on one transform."""

    name, rank, weighs = "fitted", 0, True

    @classmethod
    def fit(cls, calibration: Calibration) -> list[Transformed]:
        transforms = calibration.transforms
        return list(levels(cls.name, transforms, steps_of(transforms, DISTORTIONS)))
