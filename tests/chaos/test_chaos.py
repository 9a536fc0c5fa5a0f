"""An agent as a process loses its cloud, its link, its disk and its clock, and is asked all the time: every
question that it accepts ends in one answer, or is kept until it has one. Then it answers for long, and needs
no more memory, descriptors and threads for it.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from tests.chaos.client import WAYS, WRONG, Application
from tests.chaos.faults import Fault, all_faults, short_faults
from tests.chaos.outcomes import Mark, Outcome, print_marks, print_outcomes
from tests.chaos.plant import Plant, plant

pytestmark = pytest.mark.slow
SECONDS = float(os.environ.get("ISTHMUS_CHAOS_SECONDS", "0"))  # for a fault; without it the short form
ANSWERS = int(os.environ.get("ISTHMUS_CHAOS_ANSWERS", "300"))
FAULTS = all_faults(SECONDS) if SECONDS else short_faults()
BEFORE_SECONDS = min(SECONDS, 10.0) or 1.0
PER_SECOND, AT_ONCE = 5.0, 4
RECOVERS_SECONDS, ENDS_SECONDS, QUIET_SECONDS = 120.0, 300.0, 60.0
SAMPLE_SECONDS = 0.5
MEASURED = 5_000  # answers: with fewer, what malloc keeps still fills, and memory says nothing


@pytest.fixture(scope="module")
def running(bundle_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    with plant(tmp_path_factory.mktemp("plant"), bundle_path) as found:
        yield found
        assert found.agent.ends() == 0


@pytest.fixture(scope="module")
def outcomes() -> Iterator[list[Outcome]]:
    found = list[Outcome]()
    yield found
    print_outcomes(found)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.name}, {fault.seconds:g} s")
async def test_every_question_ends_once(fault: Fault, running: Plant, outcomes: list[Outcome]) -> None:
    if missing := fault.missing(running):
        pytest.skip(missing)
    outcome = await through(fault, running)
    outcomes.append(outcome)
    assert outcome.lost == outcome.doubled == 0
    assert outcome.answered["local"]
    assert outcome.answered["split"]
    assert not running.undelivered()


async def through(fault: Fault, running: Plant) -> Outcome:
    """Asked before, in and after a fault, until all has ended."""
    ledger, over = running.books.next(), False
    application = Application(running.agent.url, ledger)
    told = await application.told()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(application.ask_until, lambda: over, PER_SECOND)
        await anyio.sleep(BEFORE_SECONDS)
        await anyio.to_thread.run_sync(fault.begin, running)
        await anyio.sleep(fault.seconds)
        await anyio.to_thread.run_sync(fault.end, running)
        since = time.monotonic()
        await until(running, lambda: fault.answers(ledger, since), RECOVERS_SECONDS)
        over = True
    with suppress(TimeoutError):
        await until(running, lambda: not fault.unended(ledger) and not running.undelivered(), ENDS_SECONDS)
    told = await application.told() - told
    await application.close()
    recovery = min(fault.answers(ledger, since)) - since
    return Outcome.of(fault.name, fault.seconds, ledger, recovery, twice=told - ledger.told)


async def test_answering_for_long_takes_no_more_of_the_machine(running: Plant) -> None:
    marks = list[Mark]()
    for questions in (ANSWERS // 10, ANSWERS * 4 // 10, ANSWERS // 2):
        marks.append(await soaked(running, questions, marks[:1]))
    print_marks(marks)
    first, warm, last = marks
    assert max(warm.descriptors, last.descriptors) <= first.descriptors
    assert max(warm.threads, last.threads) <= first.threads
    assert ANSWERS < MEASURED or last.resident <= 1.05 * warm.resident


async def soaked(running: Plant, questions: int, first: Sequence[Mark]) -> Mark:
    """What the agent takes of the machine once so many more have ended, and it is as quiet as at first."""
    ledger, agent, resident = running.books.next(), running.agent, list[int]()
    application = Application(agent.url, ledger, (*WAYS, *WRONG))

    async def sample() -> None:
        while True:
            resident.append(agent.resident)
            await anyio.sleep(SAMPLE_SECONDS)

    def quiet() -> bool:
        return all(agent.descriptors <= one.descriptors and agent.threads <= one.threads for one in first)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sample)
        await application.ask_together(questions, AT_ONCE)
        await until(running, lambda: not ledger.waiting, ENDS_SECONDS)
        tasks.cancel_scope.cancel()
    assert ledger.lost == ledger.doubled == 0
    await application.close()
    await anyio.sleep(SAMPLE_SECONDS)
    with suppress(TimeoutError):
        await until(running, quiet, QUIET_SECONDS)
    # what malloc keeps of what was freed comes and goes: a leak raises the least
    least = min(resident[len(resident) // 2 :])
    return Mark(questions, ledger.answered, ledger.refused, least, agent.descriptors, agent.threads)


async def until(running: Plant, holds: Callable[[], object], seconds: float) -> None:
    """Returns once it holds; raises TimeoutError where it does not. Fails where the agent has ended."""
    with anyio.fail_after(seconds):
        while True:
            running.agent.check()
            if holds():
                return
            await anyio.sleep(0.1)
