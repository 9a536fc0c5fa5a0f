"""What the attack found, as values."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class LeakageResult:
    """What one candidate gives away. PSNR in decibels and SSIM are means over the held-out pictures.

    `understood` is the whole model's first metric (see `measure`) on the reconstructed pictures.
    """

    name: str
    bytes: float
    psnr: float
    ssim: float
    understood: float


@dataclass(frozen=True)
class LeakageReport:
    """All results, and the whole model's first metric on the pictures themselves."""

    measure: str
    original: float
    side: int
    train_pictures: int
    held_out: int
    steps: int
    results: Sequence[LeakageResult]

    def record(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = asdict(self)
        results = values.pop("results")
        return {**values, "rows": results}
