"""Jobs: each is begun at most once on this device, even if it is told twice, or after a power cut."""

import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio
import anyio.from_thread
import anyio.to_thread
from google.protobuf.message import DecodeError

from edge.agent.fleet.database import FleetDatabase
from protos import fleet_pb2 as pb
from protos.errors import Cancelled, IsthmusError, RequestError
from protos.fleet.messages import from_json, to_json
from protos.fleet.topics import is_name

MAX_KEPT = 1000  # jobs whose end is known
_MAX_WAITING = 16
_MAX_TIMEOUT_SECONDS, _USUAL_TIMEOUT_SECONDS = 24 * 3600, 600
_PROGRESS_SECONDS = 1.0  # between two words of progress
_MAX_REASON = 2000
_TASKS = " or ".join(field.name for field in pb.Job.DESCRIPTOR.oneofs_by_name["task"].fields)
_log = logging.getLogger(__name__)

State = pb.JobStatus.State
_OVER = {State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.CANCELLED, State.REJECTED, State.INTERRUPTED}


@dataclass
class Running:
    """A job under way."""

    job: pb.Job
    tell: Callable[[float], None]
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    cancelled: bool = False

    def progress(self, part: float) -> None:
        """From 0 to 1. Raises Cancelled once the job is to end."""
        if self.scope.cancel_called:
            raise Cancelled("the job is to end")
        self.tell(part)

    def progress_of_thread(self, part: float) -> None:
        """The same from a thread that anyio runs."""
        anyio.from_thread.run_sync(self.progress, part)


Perform = Callable[[Running], Awaitable[pb.JobStatus]]  # what came of it; raises IsthmusError where it failed
TellStatus = Callable[[str, bytes], None]  # a job's id, and its status


class JobLedger:
    """What became of jobs, on disk. A status is written before it is told, and RUNNING before it is begun."""

    def __init__(self, database: FleetDatabase) -> None:
        self._database = database

    def get(self, job: str) -> pb.JobStatus | None:
        rows = self._database.rows("SELECT id, status FROM jobs WHERE id = ?", (job,))
        return _status(*rows[0]) if rows else None

    def put(self, status: pb.JobStatus) -> None:
        """Raises RequestError where the disk does not take it."""
        self._database.change(
            "INSERT INTO jobs (id, status) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET status = ?2",
            (status.id, status.SerializeToString()),
        )
        self._database.change(
            "DELETE FROM jobs WHERE place <= (SELECT MAX(place) FROM jobs) - ?", (MAX_KEPT,)
        )

    def forget(self, job: str) -> None:
        self._database.change("DELETE FROM jobs WHERE id = ?", (job,))

    def unfinished(self) -> list[pb.JobStatus]:
        """Of the process before this one."""
        found = [_status(*row) for row in self._database.rows("SELECT id, status FROM jobs")]
        return [status for status in found if status.state not in _OVER]


def _expired(job: pb.Job) -> bool:
    return job.HasField("expires") and job.expires.ToNanoseconds() < time.time_ns()


def _status(job: str, kept: bytes) -> pb.JobStatus:
    try:
        return pb.JobStatus.FromString(kept)
    except DecodeError:
        return pb.JobStatus(id=job, state=State.INTERRUPTED, reason="what was kept of it is damaged")


class Jobs:
    """One after another, in the order in which they came."""

    def __init__(self, ledger: JobLedger, perform: Perform, tell: TellStatus) -> None:
        self._ledger, self._perform, self._tell_status = ledger, perform, tell
        self._waiting = OrderedDict[str, pb.Job]()
        self._running: Running | None = None
        self._came, self.session = anyio.Event(), 0

    async def recover(self) -> None:
        """What was under way when the process ended. A restart is done by that; what was accepted only is
        begun when it is told again.
        """
        for status in await anyio.to_thread.run_sync(self._ledger.unfinished):
            if status.state != State.RUNNING:
                await anyio.to_thread.run_sync(self._ledger.forget, status.id)
            elif status.reason == "restart":
                await self._end(status.id, State.SUCCEEDED)
            else:
                await self._end(status.id, State.INTERRUPTED, "the agent ended while it was under way")

    async def heard(self, identity: str, data: bytes) -> None:
        """A message of `jobs/{id}`. An empty one is what clears a retained topic."""
        if not data:
            return
        try:
            job = from_json(pb.Job, data)
            if job.id != identity or not is_name(job.id):
                raise RequestError(f"the job calls itself {job.id[:80]!r}; give the id of its topic")
        except RequestError as error:
            self._told(pb.JobStatus(id=identity, state=State.REJECTED, reason=str(error)[:_MAX_REASON]))
            return
        try:
            await self._take(job)
        except RequestError as error:  # the disk does not take it: it is told again
            _log.error("fleet: job %s: %s", job.id, error)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._came = anyio.Event()
            while self._waiting:
                _, job = self._waiting.popitem(last=False)
                await self._begin(job)
            await self._came.wait()

    async def _take(self, job: pb.Job) -> None:
        known = await anyio.to_thread.run_sync(self._ledger.get, job.id)
        if job.cancel:
            await self._cancel(job.id, known)
        elif known:
            self._told(known)
        elif _expired(job):
            await self._end(job.id, State.REJECTED, "it had expired when it came, by this device's clock")
        elif not job.WhichOneof("task"):
            await self._end(job.id, State.REJECTED, f"it names no task; give {_TASKS}")
        elif len(self._waiting) >= _MAX_WAITING:
            self._told(
                pb.JobStatus(
                    id=job.id, state=State.REJECTED, reason="too many jobs wait; tell it later again"
                )
            )
        else:
            await self._put(pb.JobStatus(id=job.id, state=State.ACCEPTED))
            self._waiting[job.id] = job
            self._came.set()

    async def _cancel(self, identity: str, known: pb.JobStatus | None) -> None:
        if self._running and self._running.job.id == identity:
            self._running.cancelled = True
            self._running.scope.cancel()
        elif known and known.state in _OVER:
            self._told(known)
        else:
            self._waiting.pop(identity, None)
            await self._end(identity, State.CANCELLED)

    async def _begin(self, job: pb.Job) -> None:
        task = job.WhichOneof("task") or ""
        _log.info("fleet: job %s, %s, is next", job.id, task)
        self._running = Running(job, self._progress_of(job.id))
        try:
            if _expired(job):
                await self._end(job.id, State.REJECTED, "it expired while others were done")
                return
            # with the reason of its own end: a restart
            await self._put(pb.JobStatus(id=job.id, state=State.RUNNING, reason=task))
            await self._end_of(self._running)
        except RequestError as error:
            _log.error("fleet: what becomes of job %s cannot be kept: %s", job.id, error)
        finally:
            self._running = None

    async def _end_of(self, running: Running) -> None:
        seconds = min(running.job.timeout_seconds or _USUAL_TIMEOUT_SECONDS, _MAX_TIMEOUT_SECONDS)
        ended = pb.JobStatus(state=State.TIMED_OUT, reason=f"not done in {seconds} s")
        running.scope.deadline = anyio.current_time() + seconds
        try:
            with running.scope:
                ended = await self._perform(running)
                ended.state, ended.progress = State.SUCCEEDED, 1.0
        except Cancelled:
            pass
        except IsthmusError as error:
            ended = pb.JobStatus(state=State.FAILED, reason=str(error)[:_MAX_REASON])
        except Exception as error:  # noqa: BLE001 - a job that fails in any way ends as failed
            _log.exception("fleet: job %s: a bug", running.job.id)
            ended = pb.JobStatus(state=State.FAILED, reason=f"a bug: {type(error).__name__}")
        if running.cancelled and ended.state != State.SUCCEEDED:
            ended = pb.JobStatus(state=State.CANCELLED)
        ended.id = running.job.id
        await self._put(ended)

    def _progress_of(self, identity: str) -> Callable[[float], None]:
        last = [0.0]

        def tell(part: float) -> None:
            if (now := time.monotonic()) - last[0] >= _PROGRESS_SECONDS:
                last[0] = now
                self._told(pb.JobStatus(id=identity, state=State.RUNNING, progress=min(max(part, 0.0), 1.0)))

        return tell

    async def _end(self, identity: str, state: "pb.JobStatus.State", reason: str = "") -> None:
        await self._put(pb.JobStatus(id=identity, state=state, reason=reason[:_MAX_REASON]))

    async def _put(self, status: pb.JobStatus) -> None:
        await anyio.to_thread.run_sync(self._ledger.put, status)
        self._told(status)

    def _told(self, status: pb.JobStatus) -> None:
        told = pb.JobStatus()
        told.CopyFrom(status)
        if told.state == State.RUNNING:
            told.ClearField("reason")
        told.session = self.session
        told.at.FromNanoseconds(time.time_ns())
        self._tell_status(status.id, to_json(told))
