"""What every source has, whatever its kind."""

from typing import Annotated

from msgspec import Meta

from edge.agent.settings.gate import GateSettings
from edge.agent.settings.names import Name
from edge.agent.settings.quantities import Bytes, Joules, PerSecond, Section
from edge.agent.settings.questions import QuestionSettings
from edge.agent.settings.rules import RuleSettings, WeightSettings
from protos.errors import RequestError

Share = Annotated[float, Meta(ge=0, le=1)]


class SourceSettings(Section, frozen=True, tag_field="kind"):
    """`[[source]]`. Nothing is asked of a source without questions; unless `enabled` it is not opened.

    `bytes_per_day` and `joules_per_day` are of its own questions in a day of UTC: once the bytes are sent,
    they are answered on the device alone, or not at all where its rules forbid that; once the joules are
    used, not at all. The request that passes a budget is the last.
    """

    name: Name
    enabled: bool = True
    rate: PerSecond = PerSecond(1)  # frames looked at, at most
    region: tuple[Share, Share, Share, Share] | None = None  # left, top, width, height: shares of a frame
    rules: RuleSettings | None = None  # instead of the agent's
    weights: WeightSettings | None = None
    bytes_per_day: Bytes | None = None
    joules_per_day: Joules | None = None
    gate: GateSettings = GateSettings()
    question: Annotated[tuple[QuestionSettings, ...], Meta(max_length=64)] = ()

    def missing(self) -> str:
        """Why it cannot be opened now, as far as that is seen without trying, and what to do; or nothing."""
        return ""

    def check(self) -> None:
        """What no field can know by itself. Raises RequestError."""
        names = [question.name for question in self.question]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise RequestError(f"source {self.name}: {twice[0]!r} is the name of two questions; rename one")
        if self.region:
            left, top, width, height = self.region
            if not width or not height or left + width > 1 or top + height > 1:
                raise RequestError(
                    f"source {self.name}: region {list(self.region)} is not inside the frame; give left, "
                    "top, width and height as shares of it, such as [0.25, 0.5, 0.5, 0.5]"
                )
