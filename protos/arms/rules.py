"""What the operator demands of every answer."""

from dataclasses import dataclass

AUTO, LOCAL = "auto", "local"


@dataclass(frozen=True)
class Rules:
    """`never_leave_device` beats all other rules; `never_upload` forbids pictures, not features."""

    deadline_ms: float | None = None
    confidence: float = 0.95  # the probability with which the deadline is to be met
    never_upload: bool = False
    never_leave_device: bool = False
    allow_local: bool = True
    max_loss: float | None = None  # points of accuracy below the whole model's, beyond noise
    route: str = AUTO  # auto, or forced: local, split[@CUT[/CODEC]], upload[@FORMAT-QUALITY]


def exceeds(rules: Rules, loss: float) -> bool:
    """Whether points lost beyond noise are more than the operator allows."""
    return rules.max_loss is not None and loss > rules.max_loss
