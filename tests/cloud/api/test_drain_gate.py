"""Requests counted until the last one is finished."""

import asyncio

import pytest

from cloud.api.drain_gate import DrainGate
from protos.errors import CloudError


async def test_a_closed_gate_refuses_and_lets_the_others_finish() -> None:
    gate = DrainGate()
    with gate.entered():
        gate.close()
        await gate.closing()
        with pytest.raises(CloudError, match="shutting down"), gate.entered():
            pytest.fail("a closed gate was entered")
        empty = asyncio.create_task(gate.empty())
        await asyncio.sleep(0)
        assert not empty.done()
    await asyncio.wait_for(empty, 5)
    assert gate.closed


async def test_work_is_done_unless_the_gate_closes_first() -> None:
    gate, begun, ended = DrainGate(), asyncio.Event(), list[str]()

    async def endless() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    assert await gate.unless_closing(asyncio.sleep(0, "done")) == "done"
    waiting = asyncio.create_task(gate.unless_closing(endless()))
    await begun.wait()
    gate.close()
    with pytest.raises(CloudError, match="open a new stream"):
        await asyncio.wait_for(waiting, 5)
    assert ended == ["cancelled"]
