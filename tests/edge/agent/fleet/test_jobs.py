"""Jobs are begun at most once, whatever is told how often."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from edge.agent.fleet.database import FleetDatabase
from edge.agent.fleet.jobs import JobLedger, Jobs, Running, State
from protos import fleet_pb2 as pb
from protos.errors import RequestError
from protos.fleet.messages import from_json, to_json
from tests.edge.agent.events.sinks.feeding import until


@pytest.fixture
def database(tmp_path: Path) -> Iterator[FleetDatabase]:
    found = FleetDatabase(tmp_path / "fleet.db")
    yield found
    found.close()


class Worker:
    """Performs jobs as a test says, and keeps what is told of them."""

    def __init__(self, database: FleetDatabase) -> None:
        self.begun, self.told = list[str](), list[pb.JobStatus]()
        self.go, self.fails, self.bug = anyio.Event(), False, False
        self.jobs = Jobs(JobLedger(database), self._perform, self._tell)

    async def _perform(self, running: Running) -> pb.JobStatus:
        self.begun.append(running.job.id)
        running.progress(0.5)
        await self.go.wait()
        if self.fails:
            raise RequestError("it cannot be done; do it otherwise")
        if self.bug:
            raise ZeroDivisionError
        return pb.JobStatus(report="done")

    def _tell(self, job: str, status: bytes) -> None:
        self.told.append(from_json(pb.JobStatus, status))

    async def hears(self, job: pb.Job) -> None:
        await self.jobs.heard(job.id, to_json(job))

    def states(self, job: str) -> list[int]:
        return [status.state for status in self.told if status.id == job]

    async def ends(self, job: str, state: int) -> pb.JobStatus:
        await until(lambda: self.states(job)[-1:] == [state])
        return [status for status in self.told if status.id == job][-1]


def a_job(name: str, **more: object) -> pb.Job:
    return pb.Job(id=name, diagnose=pb.Diagnose(), **more)  # type: ignore[arg-type]


@asynccontextmanager
async def working(database: FleetDatabase) -> AsyncIterator[Worker]:
    worker = Worker(database)
    await worker.jobs.recover()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(worker.jobs.run)
        yield worker
        tasks.cancel_scope.cancel()


async def test_a_job_that_is_told_twice_is_done_once_and_its_end_told_again(database: FleetDatabase) -> None:
    async with working(database) as worker:
        await worker.hears(a_job("a"))
        await worker.hears(a_job("a"))
        worker.go.set()
        done = await worker.ends("a", State.SUCCEEDED)
        await worker.hears(a_job("a"))
    assert worker.begun == ["a"]
    assert (done.report, done.progress) == ("done", 1)
    assert worker.states("a")[-2:] == [State.SUCCEEDED, State.SUCCEEDED]
    assert {State.ACCEPTED, State.RUNNING} <= set(worker.states("a"))
    async with working(database) as later:
        await later.hears(a_job("a"))
        assert (await later.ends("a", State.SUCCEEDED)).report == "done"
    assert later.begun == []


async def test_what_was_under_way_at_a_power_cut_is_not_done_again_and_what_waited_is(
    database: FleetDatabase,
) -> None:
    async with working(database) as worker:
        await worker.hears(a_job("a"))
        await worker.hears(a_job("b"))
        await until(lambda: worker.begun)
    async with working(database) as later:
        later.go.set()
        assert "while it was under way" in (await later.ends("a", State.INTERRUPTED)).reason
        await later.hears(a_job("a"))
        await later.hears(a_job("b"))
        await later.ends("b", State.SUCCEEDED)
    assert (worker.begun, later.begun) == (["a"], ["b"])


async def test_a_restart_is_done_once_the_process_has_begun_anew(database: FleetDatabase) -> None:
    async with working(database) as worker:
        await worker.hears(pb.Job(id="a", restart=pb.Restart()))
        await until(lambda: worker.begun)
    async with working(database) as later:
        await later.ends("a", State.SUCCEEDED)
    assert later.begun == []


async def test_jobs_are_cancelled_under_way_and_before(database: FleetDatabase) -> None:
    async with working(database) as worker:
        await worker.hears(a_job("a"))
        await worker.hears(a_job("b"))
        await until(lambda: worker.begun)
        for job in ("b", "a", "never-told"):
            await worker.hears(pb.Job(id=job, cancel=True))
            await worker.ends(job, State.CANCELLED)
        await worker.hears(a_job("never-told"))
    assert worker.begun == ["a"]


async def test_one_that_takes_too_long_and_one_that_fails_end_as_that(database: FleetDatabase) -> None:
    async with working(database) as worker:
        await worker.hears(a_job("slow", timeout_seconds=1))
        assert (await worker.ends("slow", State.TIMED_OUT)).reason == "not done in 1 s"
        worker.go.set()
        worker.fails = True
        await worker.hears(a_job("bad"))
        assert "do it otherwise" in (await worker.ends("bad", State.FAILED)).reason
        worker.fails, worker.bug = False, True
        await worker.hears(a_job("bug"))
        assert (await worker.ends("bug", State.FAILED)).reason == "a bug: ZeroDivisionError"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (lambda: b'{"id": "a", "dance": {}}', "dance"),
        (lambda: b"{", "no JSON"),
        (lambda: to_json(a_job("b")), "give the id of its topic"),
        (lambda: to_json(pb.Job(id="a")), "names no task"),
        (lambda: to_json(a_job("a", expires={"seconds": 1})), "expired"),
    ],
)
async def test_what_cannot_be_done_is_rejected_with_why(
    database: FleetDatabase, data: Callable[[], bytes], words: str
) -> None:
    async with working(database) as worker:
        await worker.jobs.heard("a", data())
        assert words in (await worker.ends("a", State.REJECTED)).reason
    assert worker.begun == []


async def test_no_more_wait_than_a_device_can_remember(database: FleetDatabase) -> None:
    async with working(database) as worker:
        for number in range(20):
            await worker.hears(a_job(f"job-{number}"))
        assert worker.states("job-19") == [State.REJECTED]
        worker.go.set()
        await worker.ends("job-3", State.SUCCEEDED)
        await worker.hears(a_job("job-19"))
        await worker.ends("job-19", State.SUCCEEDED)


async def test_one_that_expires_while_it_waits_is_not_begun(
    database: FleetDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with working(database) as worker:
        await worker.hears(a_job("a"))
        await until(lambda: worker.begun)
        await worker.hears(a_job("b", expires={"seconds": 4_000_000_000}))
        monkeypatch.setattr("time.time_ns", lambda: 4_000_000_001 * 10**9)
        worker.go.set()
        assert "expired while" in (await worker.ends("b", State.REJECTED)).reason
    assert worker.begun == ["a"]
