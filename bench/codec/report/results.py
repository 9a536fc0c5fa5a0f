"""What was measured of one candidate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.codec.evaluation.metrics import Figure


@dataclass(frozen=True)
class CodecResult:
    """One candidate. Bytes are means over the pictures; `sizes` are those of each picture, without a
    container.
    """

    name: str
    curve: str
    cut: str  # empty for an upload
    payload: float
    bare: float  # the payload without a container that could be left out
    request: float  # the whole message
    sizes: Sequence[int]
    figures: Mapping[str, Figure]


@dataclass(frozen=True)
class CodingTimes:
    """Median milliseconds for a picture: `encode` from the boundary or the resized picture, `decode` to the
    boundary or a picture.
    """

    encode: float
    decode: float
