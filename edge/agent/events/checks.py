"""What no single section of a configuration knows of events."""

from collections.abc import Iterable, Sequence

from edge.agent.events.sinks.sink import Sink
from edge.agent.sources.source import SourceSettings
from protos.errors import RequestError, UnknownName


def check_events(sources: Iterable[SourceSettings], sinks: Sequence[Sink]) -> None:
    """Raises RequestError for names that are two's or nobody's, and for rules and sinks that cannot be."""
    _once("sink", [sink.name for sink in sinks])
    for sink in sinks:
        sink.check()
    known = [sink.name for sink in sinks]
    for source in sources:
        events = [event for question in source.question for event in question.event]
        _once(f"source {source.name!r}: event", [event.name for event in events])
        for event in events:
            event.check()
            for name in event.sinks or ():
                if name not in known:
                    raise UnknownName("sink", name, known)


def _once(what: str, names: list[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RequestError(f"{what}: {twice[0]!r} is the name of two; give each its own")
