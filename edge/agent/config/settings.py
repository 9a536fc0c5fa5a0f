"""The whole configuration of an agent, as `agent.toml` holds it."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from edge.agent.settings.cloud import CloudSettings
from edge.agent.settings.quantities import Section
from edge.agent.settings.rules import RuleSettings, WeightSettings
from edge.agent.sources.kinds import AnySource
from protos.errors import RequestError


class AgentSettings(Section, frozen=True):
    """Paths are as they stand, relative ones to where the agent was started."""

    bundle: Path | None = None  # $ISTHMUS_BUNDLE, or the built-in model's
    threads: Annotated[int, Meta(ge=1, le=256)] = 1
    provider: str = ""
    cloud: CloudSettings | None = None
    rules: RuleSettings = RuleSettings()
    weights: WeightSettings = WeightSettings()
    source: Annotated[tuple[AnySource, ...], Meta(max_length=64)] = ()

    def check(self) -> None:
        """What no field can know by itself. Raises RequestError."""
        names = [source.name for source in self.source]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise RequestError(f"source: {twice[0]!r} is the name of two; give each its own")
        for source in self.source:
            source.check()
