"""What the operator demands of answers and what they are worth, as sections of a configuration file."""

from typing import Annotated

from msgspec import Meta

from edge.agent.settings.quantities import Bytes, Celsius, Milliseconds, Percent, Section
from protos.arms.rules import AUTO, Rules
from protos.costs.weights import Weights


class RuleSettings(Section, frozen=True):
    """`[rules]`, and `[source.rules]`, which replaces it for its source. As the options of `isthmus ask`."""

    deadline: Milliseconds | None = None
    confidence: Annotated[float, Meta(gt=0, lt=1)] = 0.95
    never_upload: bool = False
    never_leave_device: bool = False
    local: bool = True
    max_loss: Annotated[float, Meta(ge=0, le=100)] | None = None
    bytes_per_day: Bytes | None = None
    battery_floor: Percent | None = None
    temperature_ceiling: Celsius | None = None
    cuts: Annotated[tuple[str, ...], Meta(max_length=64)] = ()  # where features may be sent; none: all
    codec: str = ""
    route: str = AUTO

    def rules(self) -> Rules:
        return Rules(
            deadline_ms=self.deadline,
            confidence=self.confidence,
            never_upload=self.never_upload,
            never_leave_device=self.never_leave_device,
            allow_local=self.local,
            max_loss=self.max_loss,
            bytes_per_day=self.bytes_per_day,
            battery_floor=self.battery_floor,
            temperature_ceiling=self.temperature_ceiling,
            cuts=self.cuts,
            codec=self.codec,
            route=self.route,
        )


class WeightSettings(Section, frozen=True):
    """`[weights]`: what a point of accuracy, a kilobyte and a joule are worth, in time."""

    accuracy: Milliseconds = Milliseconds(50)
    kilobyte: Milliseconds = Milliseconds(0)
    joule: Milliseconds = Milliseconds(0)

    def weights(self) -> Weights:
        return Weights(accuracy_point=self.accuracy, kilobyte=self.kilobyte, joule=self.joule)
