"""A source's questions: asked, answered anew only where frames changed, held back where a budget is spent."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest
from prometheus_client import generate_latest

from edge.agent.budgets.day import DayBudgets
from edge.agent.config.reading import settings_of
from edge.agent.gating.gate import Features
from edge.agent.http.metrics import AnswerCounts
from edge.agent.observing.standing_answer import StandingAnswer
from edge.agent.observing.watcher import Watcher
from edge.agent.sources.opening import Inboxes, Opening
from edge.agent.status.counters import SourceCounters, SourceCounts
from edge.models.head import HeadOutput
from edge.pictures.resampling import Picture
from edge.policy.decision import Decision
from edge.requests.answer import Answer
from edge.requests.question import Prepared
from edge.requests.view import View
from protos.arms.rules import Rules
from protos.costs.weights import Weights
from protos.errors import NoRoute
from protos.pictures.tiles import Grid
from splitter.nano import scenes

SCENE, OTHER = scenes.picture(77).image, scenes.picture(78).image
SENT = 600  # bytes of each answer


class Scripted:
    """Answers with the number of the question; `fails`: these raise. By default all frames are alike."""

    def __init__(self, *fails: int, repeats: int | None = None) -> None:
        self._fails, self._repeats, self.asked = fails, repeats, list[tuple[str, Rules]]()
        self.features_of: Callable[[Picture], Features] = lambda _: {}

    async def view(self, picture: Picture, source: str, number: int) -> View:
        prepared = Prepared(picture, Grid(0, 0), 0.0, picture)
        return View(prepared, source, "", [], lambda *_: cast("HeadOutput", None), number)

    async def features(self, view: View) -> Features:
        return self.features_of(view.prepared.picture)

    async def answer(self, picture: Picture | View, question: str, rules: Rules, **_: Any) -> Answer:
        del picture
        self.asked.append((question, rules))
        if len(self.asked) in self._fails:
            raise NoRoute("no way is left")
        return Answer(
            text=str(len(self.asked)),
            route="split",
            decision=cast("Decision", None),
            payload_bytes=SENT,
            bytes_up=SENT,
            tokens=1,
            stages={},
            fallback=None,
            late=False,
            joules=2.0,
            energy_source="a model",
            frame="",
            repeats=self._repeats if len(self.asked) > 1 else None,
        )


class Watch:
    """A video of these frames, watched to its end."""

    def __init__(self, folder: Path, frames: list[Picture], asking: Scripted, **options: Any) -> None:
        self.seen, self._asking, self._counters = list[StandingAnswer](), asking, SourceCounters()
        path = folder / "clip.avi"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (128, 128))
        for frame in frames:
            writer.write(frame[..., ::-1])
        writer.release()
        clip = {"kind": "video", "name": "clip", "path": str(path), "own-pace": False, "rate": "1000/s"}
        questions = [{"name": name, "text": f"{name}?"} for name in options.pop("questions", ["what"])]
        (self._source,) = settings_of({"source": [clip | {"question": questions} | options]}).source

    async def run(self) -> SourceCounts:
        watcher = Watcher(
            self._source,
            self._asking,
            [self._see],
            (self._source.rules.rules() if self._source.rules else Rules()),
            Weights(),
            counters=self._counters,
            budgets=DayBudgets(),
        )
        await watcher.run(Opening(Inboxes()))
        return self._counters.snapshot()

    async def _see(self, answer: StandingAnswer) -> None:
        self.seen.append(answer)


@pytest.mark.asyncio
async def test_without_a_gate_every_frame_is_asked_about(tmp_path: Path) -> None:
    asking = Scripted()
    counts = await Watch(tmp_path, [SCENE, SCENE], asking, questions=["what", "who"]).run()
    assert [question for question, _ in asking.asked] == ["what?", "who?"] * 2
    assert (counts.read, counts.asked, counts.answered, counts.bytes_up) == (2, 4, {"split": 4}, 4 * SENT)


@pytest.mark.asyncio
async def test_a_frame_that_did_not_change_gets_the_earlier_answer(tmp_path: Path) -> None:
    asking = Scripted()
    watch = Watch(tmp_path, [SCENE, SCENE, OTHER, OTHER], asking, gate={"enabled": True})
    counts = await watch.run()
    assert [(one.text, one.frame.sequence, one.reused) for one in watch.seen] == [
        ("1", 1, None),
        ("1", 2, 1),
        ("2", 3, None),
        ("2", 4, 3),
    ]
    assert (counts.gated, counts.gated_share) == (2, 0.5)


@pytest.mark.asyncio
async def test_an_answer_as_before_is_marked_as_reused_and_what_it_took_is_counted(tmp_path: Path) -> None:
    watch = Watch(tmp_path, [SCENE, OTHER, OTHER], Scripted(repeats=1), gate={"enabled": True})
    counts = await watch.run()
    assert [(one.frame.sequence, one.reused, one.asked) for one in watch.seen] == [
        (1, None, True),
        (2, 1, True),
        (3, 1, False),
    ]
    assert (counts.asked, counts.as_before, counts.gated, counts.bytes_up) == (2, 1, 1, 2 * SENT)
    answers = AnswerCounts()
    for one in watch.seen:
        await answers.observe(one)
    told = generate_latest(answers.registry).decode()
    assert 'isthmus_reused_total{source="clip"} 2.0' in told
    assert f'isthmus_sent_bytes_total{{source="clip"}} {2 * SENT}.0' in told


@pytest.mark.asyncio
async def test_a_question_that_failed_is_asked_again_of_a_frame_that_did_not_change(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    asking = Scripted(1, 2)
    counts = await Watch(tmp_path, [SCENE] * 4, asking, gate={"enabled": True}).run()
    assert (len(asking.asked), counts.failed, counts.gated) == (3, 2, 1)
    assert [record.getMessage() for record in caplog.records] == [
        "source clip, question what: no way is left"
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize(("same", "asked"), [(True, 1), (False, 2)])
async def test_where_pictures_differ_somewhat_the_features_decide(
    tmp_path: Path, same: bool, asked: int
) -> None:
    unlike = iter(np.eye(4, dtype=np.float32))
    gate = {"enabled": True, "luma": 0.0, "changed": 255.0, "features": 0.1}
    asking = Scripted()
    asking.features_of = lambda _: {"hidden": np.ones(4, np.float32) if same else next(unlike)}
    await Watch(tmp_path, [SCENE, OTHER], asking, gate=gate).run()
    assert len(asking.asked) == asked


@pytest.mark.asyncio
async def test_when_the_bytes_are_sent_the_device_answers_alone(tmp_path: Path) -> None:
    asking = Scripted()
    options = {"bytes-per-day": "1kB", "rules": {"never-upload": True}}
    counts = await Watch(tmp_path, [SCENE] * 3, asking, **options).run()
    assert [rules.never_leave_device for _, rules in asking.asked] == [False, False, True]
    assert all(rules.never_upload for _, rules in asking.asked)
    assert counts.held_by == "bytes"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "options", [{"joules-per-day": "3J"}, {"bytes-per-day": "1kB", "rules": {"local": False}}]
)
async def test_where_the_device_may_not_answer_either_nothing_is_asked(
    tmp_path: Path, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    asking = Scripted()
    counts = await Watch(tmp_path, [SCENE] * 4, asking, **options).run()
    assert (len(asking.asked), counts.held) == (2, 2)
    assert len(caplog.records) == 1
    assert "its questions are not asked until the next day" in caplog.text
