"""The agent in the demonstration's report."""

import time

from deploy.demo.agent.agent_record import AgentRecord, SeenEvent
from deploy.demo.agent.words import summary
from protos.pages.document import lede, listing, section, sentence
from protos.pages.markup import Markup, element
from protos.pages.tables import Table, TableRow, folded, scrolling

_COLUMNS = ("time", "camera", "event", "phase", "answer")
_NOTES = [
    (
        "isthmus edge run: two drawn cameras (MJPEG over HTTP), a standing question for each, rules "
        "that make events of answers, SQLite, MQTT, and OpenAI's API on loopback."
    ),
    "belt leaves the policy free; of dock's frames features alone leave the device.",
]


def agent_section(record: AgentRecord) -> Markup:
    """What it did, its events, and its configuration."""
    failed = [lede(f"It did not do all: {'; '.join(record.missing)}.")] if record.missing else []
    facts = {sentence(name).removesuffix("."): words for name, words in summary(record).items()}
    rows = [TableRow(_row(event)) for event in sorted(record.events, key=lambda event: event.at)]
    events = Table("Events, as the device's log has them", _COLUMNS, [rows], frozenset(_COLUMNS)).markup()
    text = scrolling("agent.toml", element("pre", record.configuration))
    parts = [*failed, listing(facts), folded("Its events", events), folded("Its agent.toml", text)]
    return section("An agent, day and night", _NOTES, *parts)


def _row(event: SeenEvent) -> tuple[str, ...]:
    clock = time.strftime("%H:%M:%S", time.localtime(event.at))
    return clock, event.source, event.event, event.phase, event.text
