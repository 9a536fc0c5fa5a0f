"""What every source has, whatever its kind."""

from typing import Annotated

from msgspec import Meta

from edge.agent.settings.names import Name
from edge.agent.settings.quantities import PerSecond, Section
from edge.agent.settings.questions import QuestionSettings
from edge.agent.settings.rules import RuleSettings, WeightSettings


class SourceSettings(Section, frozen=True, tag_field="kind"):
    """`[[source]]`. Nothing is asked of a source without questions; unless `enabled` it is not opened."""

    name: Name
    enabled: bool = True
    rate: PerSecond = PerSecond(1)  # frames looked at, at most
    rules: RuleSettings | None = None  # instead of the agent's
    weights: WeightSettings | None = None
    question: Annotated[tuple[QuestionSettings, ...], Meta(max_length=64)] = ()
