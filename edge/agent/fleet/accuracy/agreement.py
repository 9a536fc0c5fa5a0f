"""A share of the answers, asked once more of the whole model in the cloud: whether that says the same.

Nobody waits for it. It is asked after all others on the device, while no call to a cloud is under way, and is
broken off where one begins.
"""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, Protocol

import anyio

from edge.agent.observing.standing_answer import AskedTerms, StandingAnswer
from edge.policy.decision import Predicted
from edge.requests.answer import Answer
from edge.requests.asynchronous import AsyncOrchestrator
from edge.requests.orchestrator import Orchestrator
from edge.requests.turn import Priority
from protos.errors import IsthmusError

_log = logging.getLogger(__name__)
_HOUR = 3600.0
_OF_WHOLE = ("upload", "cached")  # kinds of arms that the whole model answers by
_PATIENCE_SECONDS, _MAX_TRIES = 60.0, 3  # until the link is free, and how often it may have to give way
_LOOK_SECONDS = 0.02  # between looks at who calls


class SampleTerms(NamedTuple):
    """How many are compared."""

    percent: float  # of answers
    bytes_per_hour: int


def way_to_whole(seen: StandingAnswer) -> Predicted | None:
    """By which picture the whole model is asked about an answer: of those that the question's own rules, and
    the state of battery, link and the day's bytes, allowed, the most accurate, and of several such the
    largest, since what a file loses would count against the device. None where there is none, where the
    answer is the whole model's, and where its words were drawn by chance. Pure.
    """
    answer, terms = seen.answer, seen.terms
    if not seen.asked or seen.reused is not None or seen.deferred or answer.filtered:
        return None
    if terms is None or terms.generation.temperature > 0:
        return None
    if terms.rules.never_upload or terms.rules.never_leave_device:
        return None
    if answer.route.partition("@")[0] in _OF_WHOLE:
        return None
    pictures = [one for one in answer.decision.arms if one.arm.kind == "upload" and one.allowed]
    return max(pictures, key=lambda one: (one.accuracy, one.bytes_up), default=None)


class HourlyBytes:
    """What comparisons send in an hour; for one thread."""

    def __init__(self) -> None:
        self._hour, self._spent = 0, 0

    def left(self, limit: int, now: float) -> int:
        """Of an hour's bytes; `now` in seconds."""
        if (hour := int(now // _HOUR)) != self._hour:
            self._hour, self._spent = hour, 0
        return limit - self._spent

    def spend(self, size: int) -> None:
        self._spent += size


class Compared(NamedTuple):
    """An answer and what the whole model said."""

    seen: StandingAnswer
    agreed: bool
    answer: Answer


class ComparedAgent(Protocol):
    """The seam: what comparing needs of the running agent."""

    @property
    def orchestrator(self) -> Orchestrator:
        """The open one."""

    @property
    def sample_terms(self) -> SampleTerms:
        """In force."""

    def may_spend(self, source: str) -> bool:
        """Whether the day's budgets of a source leave something."""

    def compared(self, found: Compared) -> None:
        """Another answer was compared."""


class Agreement:
    """An observer of answers. One sample waits at a time; what is drawn meanwhile is let go."""

    def __init__(
        self,
        agent: ComparedAgent,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._agent, self._chance, self._clock = agent, chance, clock
        self._drawn: tuple[StandingAnswer, Predicted, Orchestrator] | None = None
        self._came, self._bytes = anyio.Event(), HourlyBytes()

    @property
    def idle(self) -> bool:
        """Whether no sample waits or is under way."""
        return self._drawn is None

    async def observe(self, seen: StandingAnswer) -> None:
        """An answer, to whomever."""
        percent, limit = self._agent.sample_terms
        if self._drawn or 100 * self._chance() >= percent or not (way := way_to_whole(seen)):
            return
        enough = way.bytes_up <= self._bytes.left(limit, self._clock())
        if enough and self._agent.may_spend(seen.frame.source):
            self._drawn = seen, way, self._agent.orchestrator
            self._came.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._came.wait()
            self._came = anyio.Event()
            assert self._drawn
            try:
                await self._compare(*self._drawn)
            except IsthmusError as error:  # there are other answers
                _log.info("fleet: an answer cannot be compared: %s", error)
            except Exception:  # noqa: BLE001 - the models may have been closed, for those of another bundle
                _log.exception("fleet: an answer cannot be compared")
            finally:
                self._drawn = None

    async def _compare(self, seen: StandingAnswer, way: Predicted, orchestrator: Orchestrator) -> None:
        """By the bundle that gave the answer, while it is open."""
        terms = seen.terms
        assert terms
        for _ in range(_MAX_TRIES):
            with anyio.move_on_after(_PATIENCE_SECONDS) as patience:
                await _calls(orchestrator, 0)
            if patience.cancelled_caught or self._agent.orchestrator is not orchestrator:
                return
            self._bytes.spend(way.bytes_up)
            if answer := await _asked(orchestrator, seen, terms, way.arm.name):
                agreed = answer.text.strip() == seen.text.strip()
                self._agent.compared(Compared(seen, agreed, answer))
                return


async def _asked(
    orchestrator: Orchestrator, seen: StandingAnswer, terms: AskedTerms, route: str
) -> Answer | None:
    """None where somebody else calls a cloud meanwhile."""
    rules = replace(terms.rules, route=route, allow_local=False, deadline_ms=None)
    requests = AsyncOrchestrator(orchestrator, max_requests=1)
    found, failed = list[Answer](), list[Exception]()

    async def give_way() -> None:
        await _calls(orchestrator, 2)
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(give_way, name="give way")
        try:
            answer = await requests.answer(
                seen.frame.picture,
                terms.text,
                rules=rules,
                generation=terms.generation,
                labels=terms.labels,
                priority=Priority.BACKGROUND,
            )
            found.append(answer)
        except Exception as error:  # noqa: BLE001 - raised again outside of the group
            failed.append(error)
        tasks.cancel_scope.cancel()
    if failed:
        raise failed[0]
    return found[0] if found else None


async def _calls(orchestrator: Orchestrator, count: int) -> None:
    """Returns once so many calls are under way: none, or at least that many."""
    while not (orchestrator.calls >= count if count else orchestrator.calls == 0):  # noqa: ASYNC110 - of threads
        await anyio.sleep(_LOOK_SECONDS)
