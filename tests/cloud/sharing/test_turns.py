"""A pool of threads by turns."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from cloud.sharing.turns import Turns
from tests.cloud.sharing.callers import named

NEVER = float("inf")


@pytest.fixture
async def turns() -> AsyncIterator[Turns]:
    turns = Turns(1, "test")
    yield turns
    turns.shutdown()


async def test_what_it_raises_is_raised(turns: Turns) -> None:
    with pytest.raises(ZeroDivisionError):
        await turns.run(named("a"), NEVER, lambda: 1 // 0)
    assert await turns.run(named("a"), NEVER, max, 1, 2) == 2


async def test_one_of_many_requests_waits_for_another_caller(turns: Turns) -> None:
    go, done = threading.Event(), list[str]()
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(turns.run(named("flood"), NEVER, go.wait))
        for number in range(4):
            tasks.create_task(turns.run(named("flood"), 9 - number, done.append, f"flood {9 - number}"))
        await asyncio.sleep(0)
        tasks.create_task(turns.run(named("honest"), NEVER, done.append, "honest"))
        await asyncio.sleep(0)
        go.set()
    assert done == ["honest", "flood 6", "flood 7", "flood 8", "flood 9"]


async def test_what_is_cancelled_before_its_turn_is_not_done(turns: Turns) -> None:
    go, done = threading.Event(), list[str]()
    first = asyncio.create_task(turns.run(named("a"), NEVER, go.wait))
    second = asyncio.create_task(turns.run(named("a"), NEVER, done.append, "second"))
    third = asyncio.create_task(turns.run(named("a"), NEVER, done.append, "third"))
    await asyncio.sleep(0)
    second.cancel()
    first.cancel()  # its thread is busy all the same
    await asyncio.wait([first, second])
    assert not done
    go.set()
    await asyncio.wait_for(third, 30)
    assert done == ["third"]
