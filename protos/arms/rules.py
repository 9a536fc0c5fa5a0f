"""What the operator demands of every answer."""

from dataclasses import dataclass

AUTO, LOCAL = "auto", "local"


@dataclass(frozen=True)
class Rules:
    """`never_leave_device` beats all other rules; `never_upload` forbids pictures, not features. `cuts` and
    `codec` forbid splits elsewhere, and no way that sends no features.

    Below `battery_floor` only the ways that take about the least energy are left, above
    `temperature_ceiling` those that the device works least for. Neither leaves none: a device that can answer
    answers.
    """

    deadline_ms: float | None = None
    confidence: float = 0.95  # the probability with which the deadline is to be met
    never_upload: bool = False
    never_leave_device: bool = False
    allow_local: bool = True
    max_loss: float | None = None  # points of accuracy below the whole model's, beyond noise
    bytes_per_day: int | None = None  # requests sent in a day of UTC
    battery_floor: float | None = None  # percent
    temperature_ceiling: float | None = None  # degrees Celsius
    cuts: tuple[str, ...] = ()  # that features may be sent at; none: all
    codec: str = ""  # that they are sent by; none: any
    route: str = AUTO  # auto, or forced: local, split[@CUT[/CODEC]], upload[@FORMAT-QUALITY]


@dataclass(frozen=True)
class Conditions:
    """What the device is in, as far as rules ask for it."""

    sent_today: int = 0  # bytes
    battery: float | None = None  # percent, while it is being emptied
    temperature: float | None = None  # degrees Celsius


def exceeds(rules: Rules, loss: float) -> bool:
    """Whether points lost beyond noise are more than the operator allows."""
    return rules.max_loss is not None and loss > rules.max_loss
