"""Applications behind one server, one after another."""

import json

import anyio
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.agent.http.handover import Handover

SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": []}


def says(words: str) -> ASGIApp:
    return PlainTextResponse(words)


class Slow:
    """Answers once it may."""

    def __init__(self) -> None:
        self.asked, self.may, self.left = anyio.Event(), anyio.Event(), 0

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.set()
        await self.may.wait()
        await says("slow")(scope, receive, send)

    def leave(self) -> None:
        self.left += 1


async def asked(handover: Handover, answers: list[str]) -> None:
    """The body, or the code of the error."""
    sent = list[Message]()

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    await handover(dict(SCOPE), receive, send)
    body = b"".join(message.get("body", b"") for message in sent).decode()
    answers.append(body if sent[0]["status"] == 200 else json.loads(body)["error"]["code"])


def nothing() -> None:
    """No reply of it is without an end."""


async def test_what_comes_between_two_applications_waits_for_the_next() -> None:
    handover, answers = Handover(), list[str]()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(asked, handover, answers)
        await anyio.wait_all_tasks_blocked()
        assert answers == []
        async with handover.serving(says("first"), nothing):
            await anyio.wait_all_tasks_blocked()
        tasks.start_soon(asked, handover, answers)
        await anyio.wait_all_tasks_blocked()
        assert answers == ["first"]
        async with handover.serving(says("second"), nothing):
            await anyio.wait_all_tasks_blocked()
    assert answers == ["first", "second"]


async def test_what_is_under_way_is_answered_by_the_one_that_has_it() -> None:
    handover, answers, slow = Handover(), list[str](), Slow()
    async with anyio.create_task_group() as tasks, handover.serving(slow.app, slow.leave):
        tasks.start_soon(asked, handover, answers)
        await slow.asked.wait()
        tasks.start_soon(handover.drain)
        await anyio.wait_all_tasks_blocked()
        assert slow.left == 1
        async with handover.serving(says("next"), nothing):
            await asked(handover, answers)
        slow.may.set()
    assert answers == ["next", "slow"]


async def test_what_takes_too_long_is_told_so() -> None:
    handover, answers, slow = Handover(), list[str](), Slow()
    async with anyio.create_task_group() as tasks, handover.serving(slow.app, slow.leave):
        tasks.start_soon(asked, handover, answers)
        await slow.asked.wait()
    assert answers == ["unavailable"]


async def test_the_end_of_the_agent_is_told_to_those_who_wait() -> None:
    handover, answers = Handover(), list[str]()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(asked, handover, answers)
        await anyio.wait_all_tasks_blocked()
        handover.close()
    await asked(handover, answers)
    assert answers == ["unavailable", "unavailable"]
