"""Answers to standing questions with plain values, and rules and sources as a file has them."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from edge.agent.config.reading import settings_of
from edge.agent.events.event import Event, Owner, utc
from edge.agent.observing.standing_answer import StandingAnswer
from edge.agent.settings.events import EventSettings
from edge.agent.sources.frame import Frame
from edge.agent.sources.kinds import AnySource
from edge.policy.decision import Decision
from edge.requests.answer import Answer, LabelScore

SOURCE, QUESTION, TAKEN = "gate", "what", 1_790_000_000.0
OWNER = Owner("plant", "gate-3")
PICTURE = np.full((120, 160, 3), (200, 40, 40), np.uint8)


def seen(
    text: str,
    *,
    frame: int = 1,
    taken: float = TAKEN,
    probability: float | None = None,
    route: str = "local",
) -> StandingAnswer:
    """An answer to `what` of the source `gate`."""
    scores = () if probability is None else (LabelScore(text, probability, 0.3),)
    answer = Answer(
        text=text,
        route=route,
        decision=cast("Decision", None),
        payload_bytes=0,
        bytes_up=0,
        tokens=1,
        stages={},
        fallback=None,
        late=False,
        joules=0.0,
        energy_source="",
        frame="",
        label_scores=scores,
    )
    return StandingAnswer(Frame(SOURCE, frame, taken, PICTURE), QUESTION, text, answer)


def rule(**fields: Any) -> EventSettings:
    """A rule as `[[source.question.event]]` holds it, checked."""
    (source,) = sources(fields)
    return source.question[0].event[0]


def sources(*events: dict[str, Any], sinks: Sequence[str] = ()) -> tuple[AnySource, ...]:
    """A source whose one question has these events; sinks of these names are there."""
    named = [{"name": f"event-{index}"} | event for index, event in enumerate(events)]
    question = {"name": QUESTION, "text": "what is it?", "event": named}
    source = {"kind": "folder", "name": SOURCE, "path": "pictures", "question": [question]}
    there = [{"kind": "webhook", "name": name, "url": "http://127.0.0.1/"} for name in sinks]
    return settings_of({"source": [source], "sink": there}).source


def event(key: str = "a", phase: Any = "begin", text: str = "a person", at: float = TAKEN) -> Event:
    """One as sinks get it."""
    return Event(key, phase, utc(at), *OWNER, SOURCE, QUESTION, "person", text, 1, "local")
