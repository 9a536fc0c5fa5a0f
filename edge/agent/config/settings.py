"""The whole configuration of an agent, as `agent.toml` holds it."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from edge.agent.broker.fleet_access import FleetAccess
from edge.agent.events.checks import check_events
from edge.agent.events.event import Owner
from edge.agent.events.sinks import AnySink
from edge.agent.http.settings import HttpSettings
from edge.agent.settings.cloud import CloudSettings
from edge.agent.settings.events import EventLogSettings
from edge.agent.settings.names import Name, check_names, machine_name
from edge.agent.settings.outbox import OutboxSettings
from edge.agent.settings.quantities import Milliseconds, Section
from edge.agent.settings.rules import RuleSettings, WeightSettings
from edge.agent.settings.update import UpdateSettings
from edge.agent.sources.kinds import AnySource
from protos.errors import RequestError


class AgentSettings(Section, frozen=True):
    """Paths are as they stand, relative ones to where the agent was started."""

    bundle: Path | None = None  # $ISTHMUS_BUNDLE, or the built-in model's
    fleet: Name | FleetAccess = "home"  # `[fleet]` where operators may tune this device
    device: Name | None = None  # this machine's name
    threads: Annotated[int, Meta(ge=1, le=256)] = 1
    provider: str = ""
    traces: bool = False  # clouds are told which trace a request is of
    cloud: CloudSettings | Annotated[tuple[CloudSettings, ...], Meta(max_length=8)] | None = None
    rules: RuleSettings = RuleSettings()
    weights: WeightSettings = WeightSettings()
    http: HttpSettings | None = None
    outbox: OutboxSettings | None = None
    source: Annotated[tuple[AnySource, ...], Meta(max_length=64)] = ()
    sink: Annotated[tuple[AnySink, ...], Meta(max_length=16)] = ()
    event_log: EventLogSettings | None = None
    update: UpdateSettings | None = None

    @property
    def owner(self) -> Owner:
        """By which others know this device."""
        fleet = self.fleet.name if isinstance(self.fleet, FleetAccess) else self.fleet
        return Owner(fleet, self.device or machine_name())

    @property
    def clouds(self) -> tuple[CloudSettings, ...]:
        """All of them; none where the device answers alone."""
        if isinstance(self.cloud, CloudSettings):
            return (self.cloud,)
        return self.cloud or ()

    def check(self) -> None:
        """What no field can know by itself. Raises RequestError."""
        check_names("source", [source.name for source in self.source])
        check_names("cloud", [cloud.name or cloud.address for cloud in self.clouds])
        for source in self.source:
            source.check()
        check_events(self.source, self.sink)
        if isinstance(self.fleet, FleetAccess):
            self.fleet.check()
        if self.http:
            self.http.check()
        if self.outbox:
            self.outbox.check()
        if self.update:
            self.update.check(clouds=bool(self.clouds))
        for source in self.source:
            for question in source.question:
                if question.defer is not None:
                    self._check_defer(
                        f"source {source.name!r}, question {question.name!r}: defer", question.defer
                    )

    def _check_defer(self, place: str, defer: Milliseconds) -> None:
        if not self.outbox or not self.clouds:
            raise RequestError(
                f"{place}: there is nowhere to keep it, or to send it; give [outbox] and [cloud], or leave "
                "defer out"
            )
        self.outbox.check_defer(place, defer)
