"""Where events wait: bounded in memory, and in the log while that works."""

import logging
import sqlite3
from pathlib import Path

import anyio
import pytest

from edge.agent.events.backlog import Backlog, LogBacklog, MemoryBacklog, open_backlog
from edge.agent.events.log.event_log import Kept, LogEntry
from edge.agent.events.rules.rule import RuleState
from edge.agent.settings.events import EventLogSettings
from tests.edge.agent.events.sightings import TAKEN, event

KEPT = Kept(RuleState(), TAKEN)


async def take(backlog: Backlog, sink: str) -> str:
    with anyio.fail_after(30):
        waiting = await backlog.next(sink)
    await backlog.taken(sink, waiting.row)
    return waiting.event.id


async def test_memory_keeps_the_newest_and_counts_the_others() -> None:
    backlog = MemoryBacklog(max_events=2)
    for key in ("a", "b", "c"):
        await backlog.add(LogEntry(event(key), ["web"], KEPT))
    assert [await take(backlog, "web"), await take(backlog, "web")] == ["b", "c"]
    assert backlog.lost == 1


async def test_an_event_that_is_dropped_while_a_sink_has_it_takes_no_other_along() -> None:
    backlog = MemoryBacklog(max_events=1)
    await backlog.add(LogEntry(event("a"), ["web"], KEPT))
    waiting = await backlog.next("web")
    await backlog.add(LogEntry(event("b"), ["web"], KEPT))
    await backlog.taken("web", waiting.row)
    assert await take(backlog, "web") == "b"


@pytest.mark.parametrize("logged", [False, True])
async def test_a_sink_that_waits_is_woken(tmp_path: Path, *, logged: bool) -> None:
    with open_backlog(EventLogSettings(path=tmp_path / "log") if logged else None) as backlog:
        got = list[str]()

        async def sink() -> None:
            got.append(await take(backlog, "web"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sink)
            await anyio.wait_all_tasks_blocked()
            await backlog.add(LogEntry(event("a"), ["web"], KEPT))
        assert got == ["a"]


async def test_a_full_disk_is_said_once_and_events_go_through_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "edge.agent")
    with open_backlog(EventLogSettings(path=tmp_path / "log")) as backlog:
        assert isinstance(backlog, LogBacklog)
        await backlog.add(LogEntry(event("a"), ["web"], KEPT))
        backlog._file._file.execute("PRAGMA max_page_count = 16")
        for key in ("b", "c"):
            await backlog.add(LogEntry(event(key), ["web"], KEPT, bytes(200_000)))
        assert [await take(backlog, "web") for _ in "abc"] == ["a", "b", "c"]
        backlog._file._file.execute("PRAGMA max_page_count = 100000")
        await backlog.add(LogEntry(event("d"), ["web"], KEPT))
        assert await take(backlog, "web") == "d"
    said = [record.message for record in caplog.records]
    assert [line.split(" (")[0] for line in said] == [
        "the log of events fails",
        "the log of events works again",
    ]


async def test_a_damaged_log_does_not_keep_an_agent_from_running(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "log"
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE event (x)")
    file.close()
    damaged = path.read_bytes()
    path.write_bytes(damaged[:16] + bytes(100) + damaged[116:])
    with open_backlog(EventLogSettings(path=path)) as backlog:
        await backlog.add(LogEntry(event("a"), ["web"], KEPT))
        assert await take(backlog, "web") == "a"
    assert "kept in memory until a restart" in caplog.text
