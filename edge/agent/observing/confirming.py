"""Answers to one question, told in the order of their frames, each once it is sure."""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import replace

import anyio

from edge.agent.observing.standing_answer import Observer, StandingAnswer
from protos.errors import IsthmusError


class Confirming:
    """Holds back what the cloud has not confirmed yet, and what follows that. One that it does not confirm is
    to be asked `again`. Made in the task's event loop.
    """

    def __init__(self, tell: Observer, again: Observer) -> None:
        self._tell, self._again = tell, again
        self._held, self._in_turn = deque[tuple[StandingAnswer, float]](), anyio.Lock()
        self._loop, self._settled, self._ended = asyncio.get_running_loop(), asyncio.Event(), False

    async def tell(self, answer: StandingAnswer) -> None:
        """Tell it, or hold it."""
        self._held.append((answer, anyio.current_time()))
        if hangs_on := answer.answer.unconfirmed:
            hangs_on.frame.on_settled(self._wake)
        await self._tell_sure()

    async def run(self) -> None:
        """Tell those that were held as they are confirmed, until none is left behind the `end`."""
        while self._held or not self._ended:
            await self._settled.wait()
            self._settled.clear()
            await self._tell_sure()

    def end(self) -> None:
        """None follows."""
        self._ended = True
        self._settled.set()

    async def _tell_sure(self) -> None:
        async with self._in_turn:
            while self._held and _sure(self._held[0][0]):
                answer, since = self._held[0]
                await self._finish(replace(answer, late=anyio.current_time() - since))
                self._held.popleft()

    async def _finish(self, held: StandingAnswer) -> None:
        try:
            answer = held.answer.confirmed()
        except IsthmusError:
            await self._again(held)
            return
        await self._tell(replace(held, text=answer.text, answer=answer, reused=answer.repeats))

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the event loop has ended
            self._loop.call_soon_threadsafe(self._settled.set)


def _sure(answer: StandingAnswer) -> bool:
    hangs_on = answer.answer.unconfirmed
    return hangs_on is None or hangs_on.frame.settled
