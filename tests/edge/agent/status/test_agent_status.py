"""What the agent is doing is counted, whoever counts and however often."""

from threading import Thread

import pytest

from edge.agent.status.agent_status import AgentStatus
from edge.agent.status.counters import SourceCounters
from protos.errors import RequestError


def test_counts_of_a_source_stand_in_a_snapshot() -> None:
    status = AgentStatus()
    door = status.source("door")
    door.entered("open")
    door.read()
    door.gated()
    with door.asking():
        door.answered("local", 0, 1.5)
    counts = status.snapshot().sources["door"]
    assert (counts.state, counts.read, counts.asked, counts.joules) == ("open", 1, 1, 1.5)
    assert counts.answered == {"local": 1}
    assert counts.gated_share == 0.5


def test_no_count_is_lost_between_threads() -> None:
    door = AgentStatus().source("door")
    threads = [Thread(target=_read, args=(door, 2000)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert door.snapshot().read == 8000


def test_a_question_that_waits_is_seen_until_it_ends() -> None:
    status = AgentStatus()
    with pytest.raises(RequestError, match="no route"):
        _fail_while_waiting(status)
    assert status.waiting_seconds() == 0


def test_a_reload_keeps_counts_of_sources_that_stay() -> None:
    status = AgentStatus()
    status.source("door").read()
    status.source("yard").read()
    status.reloaded(["gate", "door"])
    snapshot = status.snapshot()
    assert {name: one.read for name, one in snapshot.sources.items()} == {"gate": 0, "door": 1}
    assert snapshot.reloads == 1


def _read(counters: SourceCounters, frames: int) -> None:
    for _ in range(frames):
        counters.read()


def _fail_while_waiting(status: AgentStatus) -> None:
    with status.source("door").asking():
        assert status.waiting_seconds() > 0
        raise RequestError("no route")
