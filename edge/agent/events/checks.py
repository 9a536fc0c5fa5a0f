"""What no single section of a configuration knows of events."""

from collections.abc import Iterable, Sequence

from edge.agent.events.sinks.sink import Sink
from edge.agent.settings.names import check_names
from edge.agent.sources.source import SourceSettings
from protos.errors import UnknownName


def check_events(sources: Iterable[SourceSettings], sinks: Sequence[Sink]) -> None:
    """Raises RequestError for names that are two's or nobody's, and for rules and sinks that cannot be."""
    check_names("sink", [sink.name for sink in sinks])
    for sink in sinks:
        sink.check()
    known = [sink.name for sink in sinks]
    for source in sources:
        events = [event for question in source.question for event in question.event]
        check_names(f"source {source.name!r}: event", [event.name for event in events])
        for event in events:
            event.check()
            for name in event.sinks or ():
                if name not in known:
                    raise UnknownName("sink", name, known)
