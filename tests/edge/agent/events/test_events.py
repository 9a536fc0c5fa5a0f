"""Answers in, events out: to sinks, to the log, over restarts."""

import dataclasses
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import cv2
import numpy as np
import pytest
from msgspec.structs import replace

from edge.agent.events.event import Event
from edge.agent.events.events import Events, opened_events
from edge.agent.events.log.reading import read_events, read_thumbnail
from edge.agent.events.sinks.sink import SinkFeed
from edge.agent.settings.events import EventLogSettings
from edge.agent.settings.quantities import Milliseconds
from tests.edge.agent.events.sightings import OWNER, TAKEN, seen, sources
from tests.edge.agent.events.sinks.feeding import until

PERSON: dict[str, Any] = {"name": "person", "equals": "yes"}


class Collects:
    """A sink that keeps what it takes, while it takes any."""

    def __init__(self, name: str = "all", *, takes: bool = True) -> None:
        self.name, self._takes = name, takes
        self.events: list[Event] = []
        self.feed: SinkFeed | None = None

    def check(self) -> None:
        """Nothing to check."""

    async def run(self, feed: SinkFeed) -> None:
        self.feed = feed
        while True:
            waiting = await feed.next()
            if not self._takes:
                await anyio.sleep_forever()
            self.events.append(waiting.event)
            await feed.taken(waiting)

    @property
    def phases(self) -> list[str]:
        return [f"{event.event} {event.phase}" for event in self.events]


@asynccontextmanager
async def agent(
    rules: Sequence[dict[str, Any]], sinks: Sequence[Collects], log: EventLogSettings | None = None
) -> AsyncIterator[Events]:
    """One process of an agent, from start to end."""
    with opened_events(sources(*rules, sinks=[sink.name for sink in sinks]), sinks, log, OWNER) as events:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(events.run)
            with anyio.fail_after(60):
                yield events
            tasks.cancel_scope.cancel()


def log_in(folder: Path) -> EventLogSettings:
    """For ever: the plain instants of these tests are long ago."""
    return EventLogSettings(path=folder / "log", keep=Milliseconds(1e13))


async def answer(events: Events, *texts: str) -> None:
    for index, text in enumerate(texts):
        await events(seen(text, frame=index + 1, taken=TAKEN + index))


async def test_an_event_begins_ends_and_says_what_of() -> None:
    sink = Collects()
    async with agent([PERSON], [sink]) as events:
        await answer(events, "No.", "Yes.", "yes", "no", "yes")
        await until(lambda: len(sink.events) == 3)
    begin, end, second = sink.events
    assert sink.phases == ["person begin", "person end", "person begin"]
    assert begin.id == end.id != second.id
    assert (begin.fleet, begin.device, begin.source, begin.question) == (*OWNER, "gate", "what")
    assert (begin.text, begin.frame, begin.began) == ("Yes.", 2, None)
    assert (end.text, end.began) == ("no", begin.at)


async def test_a_rule_names_the_sinks_that_get_it() -> None:
    web, mqtt = Collects("web"), Collects("mqtt")
    rules = [PERSON | {"sinks": ["web"]}, PERSON | {"name": "silent", "sinks": []}, PERSON | {"name": "all"}]
    async with agent(rules, [web, mqtt]) as events:
        await answer(events, "yes")
        await until(lambda: len(web.events) == 2 and mqtt.events)
        assert web.phases == ["person begin", "all begin"]
        assert mqtt.phases == ["all begin"]


async def test_the_log_keeps_events_and_their_thumbnails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    log = replace(log_in(tmp_path), thumbnail=64)
    async with agent([PERSON], [], log) as events:
        await answer(events, "yes", "yes", "no secret")
    begin, end = read_events(log.path, 0)
    assert (begin.event.phase, begin.thumbnail, end.event.phase, end.thumbnail) == (
        "begin",
        True,
        "end",
        False,
    )
    small = cv2.imdecode(np.frombuffer(read_thumbnail(log.path, begin.event.id), np.uint8), cv2.IMREAD_COLOR)
    assert small is not None
    assert small.shape == (48, 64, 3)
    np.testing.assert_allclose(small[20, 20], (40, 40, 200), atol=6)  # red, in OpenCV's order
    assert "event gate/person: begin" in caplog.text
    assert "secret" not in caplog.text


async def test_an_event_of_a_deferred_answer_has_no_thumbnail(tmp_path: Path) -> None:
    log = replace(log_in(tmp_path), thumbnail=64)
    answered = seen("yes")
    frame = dataclasses.replace(answered.frame, picture=np.empty((0, 0, 3), np.uint8))
    async with agent([PERSON], [], log) as events:
        await events(dataclasses.replace(answered, frame=frame, deferred="7f"))
    (begin,) = read_events(log.path, 0)
    assert not begin.thumbnail


async def test_a_restart_does_not_fire_again_and_delivers_what_waited(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    away, back = Collects(takes=False), Collects()
    rules = [PERSON, {"name": "change", "changed": True}]
    async with agent(rules, [away], log) as events:
        await answer(events, "no", "yes")
    async with agent(rules, [back], log) as events:
        await answer(events, "yes", "yes", "no")
        await until(lambda: len(back.events) == 4)
    assert back.phases == ["person begin", "change changed", "person end", "change changed"]
    assert back.events[0].id == back.events[2].id
    assert back.events[2].began == back.events[0].at
    again = Collects()
    async with agent(rules, [again], log) as events:
        await answer(events, "no", "yes")
        await until(lambda: len(again.events) == 2)
    assert again.phases == ["person begin", "change changed"], "what was taken is not given again"


async def test_a_cooldown_goes_on_over_a_restart(tmp_path: Path) -> None:
    log, sink = log_in(tmp_path), Collects()
    rules = [PERSON | {"cooldown": "1h"}, PERSON | {"name": "eager"}]
    for _ in range(2):
        async with agent(rules, [sink], log) as events:
            await answer(events, "yes", "no")
            await until(lambda: sink.phases[-1:] == ["eager end"])
    assert sink.phases.count("person begin") == 1
    assert sink.phases.count("eager begin") == 2


async def test_what_is_so_now_is_there_from_the_start(tmp_path: Path) -> None:
    log, sink = log_in(tmp_path), Collects()
    rules = [PERSON, {"name": "change", "changed": True}]
    async with agent(rules, [], log) as events:
        await answer(events, "yes")
    async with agent(rules, [sink], log):
        await until(lambda: sink.feed and sink.feed.current.states)
        assert sink.feed
        states = {(key.what, key.name): state.state for key, state in sink.feed.current.states.items()}
        assert states == {("event", "person"): "on"}
        assert [watched.event for watched in sink.feed.watched] == ["person", "change"]
