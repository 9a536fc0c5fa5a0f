"""The orchestrator for programs on asyncio: each request has a thread, and ends with the task that asked."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict, TypeVar

from anyio import CancelScope, CapacityLimiter, to_thread

from edge.link.standing import Standing
from edge.pictures.resampling import Picture
from edge.requests.answer import Answer
from edge.requests.cancellation import Cancellation
from edge.requests.orchestrator import Orchestrator
from edge.requests.trace import ignore_text
from edge.requests.turn import Priority
from edge.requests.view import View
from protos import inference_pb2 as pb
from protos.arms.rules import Rules
from protos.arrays import Floats
from protos.costs.weights import Weights
from protos.errors import RequestError
from protos.labels import Labels

if TYPE_CHECKING:
    from typing_extensions import Unpack

MAX_REQUESTS = 64
_Result = TypeVar("_Result")


class AskOptions(TypedDict, total=False):
    """What `Orchestrator.answer` takes beside picture and question."""

    rules: Rules
    weights: Weights
    generation: pb.Generation | None
    frame: str | None
    labels: Sequence[str] | Labels
    standing: Standing | None
    priority: Priority


class ToldOptions(AskOptions, total=False):
    """And who is told of text as it comes, in the request's own thread."""

    on_text: Callable[[str], None]
    on_restart: Callable[[str], None]


class AsyncOrchestrator:
    """Asks an orchestrator, which others may use too; at most `max_requests` at once, more wait. Where a task
    is cancelled, its request has ended when that is raised. Raises as the orchestrator does.
    """

    def __init__(self, orchestrator: Orchestrator, max_requests: int = MAX_REQUESTS) -> None:
        self._orchestrator, self._places = orchestrator, CapacityLimiter(max_requests)
        self._threads = CapacityLimiter(max_requests)

    async def view(
        self,
        picture: Picture,
        source: str = "",
        priority: Priority = Priority.INTERACTIVE,
        *,
        number: int = 0,
    ) -> View:
        """As `Orchestrator.view`."""
        return await self._run(lambda _: self._orchestrator.view(picture, source, priority, number=number))

    async def features(self, view: View, cut: str) -> Mapping[str, Floats]:
        """As `View.features`."""
        return await self._run(lambda _: view.features(cut))

    async def answer(
        self, picture: Picture | View, question: str = "", **options: "Unpack[ToldOptions]"
    ) -> Answer:
        """As `Orchestrator.answer`."""
        ask = self._orchestrator.answer
        return await self._run(lambda ended: ask(picture, question, cancellation=ended, **options))

    def stream(
        self,
        picture: Picture | View,
        question: str = "",
        *,
        on_restart: Callable[[str], None] = ignore_text,
        **options: "Unpack[AskOptions]",
    ) -> "AnswerStream":
        """The answer's text as it comes: `async for text in stream`; then `stream.answer` is the whole.
        `on_restart` is called in the event loop: what came before is void. Leaving the loop early ends the
        request.
        """
        ask = self._orchestrator.answer

        def begin(tell: Callable[[str], None], restart: Callable[[str], None]) -> asyncio.Task[Answer]:
            def work(ended: Cancellation) -> Answer:
                return ask(picture, question, cancellation=ended, on_text=tell, on_restart=restart, **options)

            return asyncio.create_task(self._run(work), name="answer")

        return AnswerStream(begin, on_restart)

    async def _run(self, work: Callable[[Cancellation], _Result]) -> _Result:
        """In a thread; where this task is cancelled, the work is told to end, and is awaited."""
        cancellation = Cancellation()
        async with self._places:
            running = asyncio.ensure_future(to_thread.run_sync(work, cancellation, limiter=self._threads))
            try:
                return await asyncio.shield(running)
            finally:
                if not running.done():
                    cancellation.cancel()
                    with CancelScope(shield=True):
                        await asyncio.wait([running])
                    running.exception()  # how it ended is nobody's concern any more


class AnswerStream:
    """The text of one answer; to be read once."""

    def __init__(
        self,
        begin: Callable[[Callable[[str], None], Callable[[str], None]], "asyncio.Task[Answer]"],
        on_restart: Callable[[str], None],
    ) -> None:
        """`begin` asks; it is given who is told of text, and of restarts, from any thread."""
        self._begin, self._on_restart = begin, on_restart
        self._answer: Answer | None = None

    @property
    def answer(self) -> Answer:
        """Raises RequestError before the stream has been read to its end."""
        if self._answer is None:
            raise RequestError("the answer is not complete; read the stream to its end first")
        return self._answer

    async def __aiter__(self) -> AsyncIterator[str]:
        loop, told = asyncio.get_running_loop(), asyncio.Queue["tuple[bool, str] | None"]()

        def put(piece: tuple[bool, str]) -> None:
            loop.call_soon_threadsafe(told.put_nowait, piece)

        running = self._begin(lambda text: put((False, text)), lambda reason: put((True, reason)))
        running.add_done_callback(lambda _: told.put_nowait(None))
        try:
            while piece := await told.get():
                restarts, text = piece
                if restarts:
                    self._on_restart(text)
                else:
                    yield text
            self._answer = await running
        finally:
            if not running.done():
                running.cancel()
                with CancelScope(shield=True):
                    await asyncio.wait([running])
