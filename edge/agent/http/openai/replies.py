"""Answers on their way to the caller: whole, or as server-sent events."""

import asyncio
from enum import Enum
from typing import Any

import anyio
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from edge.agent.http.applications import Applications, QuestionAsked
from edge.agent.http.openai.completion import AnswerHead, decided
from edge.agent.http.openai.deferred import waiting
from edge.agent.http.openai.stream_text import StreamText
from edge.requests.answer import Answer
from protos.errors import IsthmusError
from protos.http.leaving import unless_gone
from protos.http.openai.completion import EVENT_HEADERS, LAST_EVENT, event
from protos.http.refusals import Refusal, Refused, body_of, refused, response_of

_RESTARTED = Refusal(503, "server_error", "answer_restarted")


class _Signal(Enum):
    """What comes between pieces of text."""

    RESTART = "restart"
    END = "end"


class _Outcome:
    """What became of an answer: nothing yet, an answer, or an error."""

    def __init__(self) -> None:
        self.found: list[Answer] = []
        self.failed: Exception | None = None

    def answer(self) -> Answer:
        """Raises what answering has raised."""
        if self.failed:
            raise self.failed
        return self.found[0]


class WholeReply:
    """One JSON object, once the answer is whole; the header `isthmus-route` names the way it came. Where the
    question is deferred: that it waits.
    """

    def __init__(self, applications: Applications, asked: QuestionAsked, head: AnswerHead) -> None:
        self._applications, self._asked, self._head = applications, asked, head

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = await unless_gone(receive, lambda: self._applications.answer_or_defer(self._asked))
        if isinstance(found, Answer):
            headers = {"isthmus-route": found.route}
            await JSONResponse(self._head.answered(found), headers=headers)(scope, receive, send)
        elif found is not None:
            await waiting(found)(scope, receive, send)


class StreamReply:
    """Chunks as the text comes. What fails before the first is told by its status, what fails later by an
    event that holds the error.
    """

    def __init__(
        self,
        applications: Applications,
        asked: QuestionAsked,
        head: AnswerHead,
        *,
        hold: bool,
        usage: bool,
    ) -> None:
        self._applications, self._asked, self._head = applications, asked, head
        self._text, self._usage = StreamText(hold=hold), usage
        self._begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def stream() -> None:
            try:
                await self._stream(send)
            except IsthmusError as error:
                if not self._begun:
                    await response_of(refused(error))(scope, receive, send)
                    return
                await _event(send, body_of(refused(error)))
                await _end(send)

        await unless_gone(receive, stream)

    async def _stream(self, send: Send) -> None:
        pieces = asyncio.Queue[str | _Signal]()
        async with anyio.create_task_group() as tasks:
            outcome = _Outcome()
            tasks.start_soon(self._answer, pieces, outcome, name="answer an application")
            while (piece := await pieces.get()) is not _Signal.END:
                if isinstance(piece, str):
                    await self._tell(send, self._text.add(piece))
                else:
                    self._text.restart()
        await self._finish(send, outcome.answer())

    async def _answer(self, pieces: "asyncio.Queue[str | _Signal]", outcome: "_Outcome") -> None:
        """Pieces go to the queue from whatever thread tells them."""
        loop = asyncio.get_running_loop()

        def tell(piece: str | _Signal) -> None:
            loop.call_soon_threadsafe(pieces.put_nowait, piece)

        try:
            found = await self._applications.answer(self._asked, tell, lambda _: tell(_Signal.RESTART))
            outcome.found.append(found)
        except Exception as error:  # noqa: BLE001 - raised again where the answer is finished
            outcome.failed = error
        tell(_Signal.END)

    async def _tell(self, send: Send, more: str) -> None:
        if more:
            await self._begin(send)
            await _event(send, self._head.chunk({"content": more}))

    async def _begin(self, send: Send) -> None:
        if not self._begun:
            self._begun = True
            await send({"type": "http.response.start", "status": 200, "headers": EVENT_HEADERS})
            await _event(send, self._head.opening())

    async def _finish(self, send: Send, answer: Answer) -> None:
        rest = self._text.end(answer.text)
        await self._begin(send)
        if rest is None:
            await _event(send, _restarted(answer))
            await _end(send)
            return
        await self._tell(send, rest)
        finish = self._head.finish_reason(answer)
        await _event(send, self._head.chunk({}, finish, isthmus=decided(answer)))
        if self._usage:
            await _event(send, self._head.used(answer))
        await _end(send, LAST_EVENT)


def _restarted(answer: Answer) -> dict[str, Any]:
    """The error of an answer that began anew with other words: it holds all of the new one."""
    words = (
        f"the cloud failed in mid-answer ({answer.fallback}), and what stands in for it begins otherwise: "
        'take it from error.answer, or ask with `isthmus: {"stream": "whole"}`, which tells final words only'
    )
    return body_of(Refused(_RESTARTED, words), answer=answer.text, isthmus=decided(answer))


async def _event(send: Send, told: dict[str, Any]) -> None:
    await send({"type": "http.response.body", "body": event(told), "more_body": True})


async def _end(send: Send, last: bytes = b"") -> None:
    await send({"type": "http.response.body", "body": last, "more_body": False})
