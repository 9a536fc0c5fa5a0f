"""Answers that the cloud has still to confirm: told in order, as they have come to be, and none is lost."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import anyio
import anyio.lowlevel
import numpy as np
import pytest

from edge.agent.observing.confirming import Confirming
from edge.agent.observing.standing_answer import StandingAnswer
from edge.agent.sources.frame import Frame
from edge.link.standing_stream import Said, SentFrame
from edge.link.watching import FrameAnswer
from edge.policy.decision import Decision
from edge.requests.answer import Answer, Unconfirmed
from protos import inference_pb2 as pb
from protos.errors import CloudError

BEFORE = Said("closed", pb.Done(tokens=1), 1)


def answered(sequence: int, hangs_on: SentFrame | None = None, text: str = "closed") -> StandingAnswer:
    answer = Answer(
        text=text,
        route="split",
        decision=cast("Decision", None),
        payload_bytes=9,
        bytes_up=20,
        tokens=1,
        stages={},
        fallback=None,
        late=False,
        joules=1.0,
        energy_source="a model",
        frame="",
        repeats=1,
        unconfirmed=Unconfirmed(hangs_on) if hangs_on else None,
    )
    return StandingAnswer(
        Frame("gate", sequence, 0.0, np.zeros((1, 1, 3), np.uint8)), "door", text, answer, 1
    )


class Told:
    """What came of the answers."""

    def __init__(self) -> None:
        self.seen, self.again = list[StandingAnswer](), list[int]()
        self.confirming = Confirming(self._see, self._ask_again)

    def texts(self) -> list[tuple[int, str, int | None]]:
        return [(one.frame.sequence, one.text, one.reused) for one in self.seen]

    async def _see(self, answer: StandingAnswer) -> None:
        self.seen.append(answer)

    async def _ask_again(self, held: StandingAnswer) -> None:
        self.again.append(held.frame.sequence)
        await anyio.lowlevel.checkpoint()  # others may come meanwhile
        self.seen.append(answered(held.frame.sequence, text="asked again"))


@asynccontextmanager
async def telling() -> AsyncIterator[Told]:
    """Within, answers come; at its end all are told."""
    told = Told()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(told.confirming.run)
        yield told
        told.confirming.end()


def settle(frame: SentFrame, answer: FrameAnswer | None, said: Said, error: CloudError | None = None) -> None:
    """From another thread, as a stream's reader does."""
    thread = threading.Thread(target=frame.settle, args=(answer, said, error))
    thread.start()
    thread.join()


@pytest.mark.asyncio
async def test_an_answer_is_told_once_it_is_confirmed_and_those_behind_it_after_it() -> None:
    first, second = SentFrame(2, 2, 9.0), SentFrame(3, 3, 9.0)
    async with telling() as told:
        await told.confirming.tell(answered(1))
        await told.confirming.tell(answered(2, first))
        await told.confirming.tell(answered(3, second))
        await told.confirming.tell(answered(4, text="open"))
        assert told.texts() == [(1, "closed", 1)]
        settle(second, FrameAnswer(3, "ajar", pb.Done(tokens=2)), Said("ajar", pb.Done(tokens=2), 3))
        settle(first, FrameAnswer(2, "closed"), BEFORE)
    assert told.texts() == [(1, "closed", 1), (2, "closed", 1), (3, "ajar", None), (4, "open", 1)]
    assert told.seen[0].late < told.seen[1].late, "the rules of events count from when it came"
    assert told.seen[2].answer.tokens == 2


@pytest.mark.asyncio
async def test_what_a_lost_stream_leaves_is_asked_again_in_its_place() -> None:
    frames = [SentFrame(number, number, 9.0) for number in (2, 3)]
    async with telling() as told:
        for frame in frames:
            await told.confirming.tell(answered(frame.about, frame))
        for frame in frames:
            settle(frame, None, BEFORE, CloudError("lost"))
        await told.confirming.tell(answered(4))
    assert told.again == [2, 3]
    assert [one.frame.sequence for one in told.seen] == [2, 3, 4]
    assert [one.text for one in told.seen] == ["asked again", "asked again", "closed"]


@pytest.mark.asyncio
async def test_the_end_waits_for_what_is_not_confirmed() -> None:
    frame = SentFrame(2, 2, 9.0)
    async with telling() as told:
        await told.confirming.tell(answered(2, frame))
        timer = threading.Timer(0.05, frame.settle, (FrameAnswer(2, "closed"), BEFORE, None))
        timer.start()
    assert told.texts() == [(2, "closed", 1)]
