"""Whether a frame needs to be asked about: pure, without a clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from edge.agent.gating.likeness import luma_difference
from edge.agent.settings.gate import GateSettings
from protos.arrays import Floats
from protos.pictures.likeness import feature_distance

Features = Mapping[str, Floats]


@dataclass(frozen=True)
class AskedFrame:
    """What is kept of a frame that was asked about. `at`: when, in seconds. `features`: None where the head
    was not run for it.
    """

    at: float
    luma: Floats
    features: Features | None = None


class GateVerdict(Enum):
    """`UNSURE`: the features of both decide."""

    SAME = "same"
    CHANGED = "changed"
    UNSURE = "unsure"


def compare(seen: AskedFrame, now: float, luma: Floats, settings: GateSettings) -> GateVerdict:
    """A frame against the last that was asked about, never against the last that came: what changes slowly
    is noticed when it has changed enough.
    """
    if now - seen.at >= settings.max_age.seconds:
        return GateVerdict.CHANGED
    difference = luma_difference(seen.luma, luma)
    if difference <= settings.luma:
        return GateVerdict.SAME
    if difference > settings.changed or not settings.features or seen.features is None:
        return GateVerdict.CHANGED
    return GateVerdict.UNSURE


def compare_features(seen: AskedFrame, features: Features, settings: GateSettings) -> GateVerdict:
    """Where `compare` was unsure."""
    near = seen.features is not None and feature_distance(seen.features, features) <= settings.features
    return GateVerdict.SAME if near else GateVerdict.CHANGED
