"""The agent's part of the fleet: what is wished of the device is tried, what the device does is told."""

import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import anyio
import anyio.to_thread

from edge import config
from edge.agent.broker.fleet_access import FleetAccess
from edge.agent.budgets.day import Budget
from edge.agent.config.settings import AgentSettings
from edge.agent.fleet.accuracy.agreement import Agreement, Compared, SampleTerms
from edge.agent.fleet.database import FleetDatabase
from edge.agent.fleet.facts import device_facts
from edge.agent.fleet.jobs import JobLedger, Jobs
from edge.agent.fleet.link import FleetLink, KnownBroker, Told
from edge.agent.fleet.reported import fitting
from edge.agent.fleet.shadow import Shadow
from edge.agent.fleet.steering import SteeredAgent, Steering
from edge.agent.fleet.takeover import TakeoverWatch
from edge.agent.fleet.tasks import Diary, Tasks
from edge.agent.fleet.telemetry import Telemetry
from edge.agent.observing.standing_answer import Observer
from edge.agent.status.agent_status import AgentStatus
from edge.requests.orchestrator import Orchestrator
from protos import fleet_pb2 as pb
from protos.bundle import Bundle
from protos.costs.estimates import LinkEstimate
from protos.errors import RequestError, TooLarge
from protos.fleet.messages import to_json
from protos.fleet.topics import DeviceTopics

_SESSION = "session"
_INSTANCE_BYTES = 8
_log = logging.getLogger(__name__)


class FleetPart:
    """Outlives a reload of the settings."""

    def __init__(self, base: AgentSettings, access: FleetAccess, own: str, status: AgentStatus) -> None:
        """`own`: the digest of the file's bundle. Raises RequestError for a place that cannot be written."""
        self._access, self._own, self._status = access, own, status
        self._settings = base  # in force
        self._takeover = TakeoverWatch(status.update, access.takeover.seconds)
        self._topics = DeviceTopics(*base.owner)
        self._database = FleetDatabase(config.fleet_file(*base.owner))
        self._shadow = Shadow(self._database, own)
        self._steering = Steering(self._shadow, status.update, self._tell_reported)
        self._agent: SteeredAgent | None = None
        self._diary = Diary()
        self._diary.keeps_answers = access.allow_content
        self.telemetry = Telemetry(self, self._window_waits)
        self._agreement = Agreement(self)
        self._told = Told(self.telemetry.waiting)
        self._jobs: Jobs | None = None
        self._session, self._news = 0, anyio.Event()
        self._instance = secrets.token_hex(_INSTANCE_BYTES)
        self._desired: bytes | None = None
        self._reported = pb.Reported()  # as it was told last
        self._telemetry_seconds = access.telemetry.seconds
        logging.getLogger().addHandler(self._diary)

    def close(self, *, in_order: bool) -> None:
        """`in_order`: somebody wanted the process to end."""
        logging.getLogger().removeHandler(self._diary)
        with suppress(RequestError):
            if in_order:
                self._shadow.leave()
        self._database.close()

    @property
    def observers(self) -> Sequence[Observer]:
        """To be told every answer."""
        return (self.telemetry.observe, self._agreement.observe, self._diary.observe)

    def wanted(self, base: AgentSettings, own: str) -> AgentSettings:
        """The file's settings with what fetches the bundle that the fleet wants; `own`: the file's."""
        self._own = own
        return self._shadow.wanted(base, own)

    def in_force(self, base: AgentSettings, bundle: Bundle) -> AgentSettings:
        """What holds while a bundle is open."""
        found = self._settings = self._shadow.in_force(base, bundle)
        assert isinstance(found.fleet, FleetAccess)
        self._telemetry_seconds = found.fleet.telemetry.seconds
        self.telemetry.retime()
        self._news.set()
        return found

    def check(self, base: AgentSettings, bundle: Bundle) -> None:
        """Raises RequestError where the fleet's wish does not go with the bundle that it wants."""
        self._shadow.check(base, bundle)

    async def run(self, agent: SteeredAgent) -> None:
        """Until cancelled."""
        self._agent = agent
        tasks = Tasks(agent, self._access, self._diary, lambda: self._settings)
        self._jobs = Jobs(JobLedger(self._database), tasks.perform, self._job_told)
        known = KnownBroker(self._database, self._access.address)
        link = FleetLink(self._access, self._topics, self._told, self._begin, self._heard, known)
        try:
            await self._jobs.recover()
        except RequestError as error:
            _log.error("fleet: what became of jobs is not known: %s", error)
        async with anyio.create_task_group() as group:
            group.start_soon(self._steer, name="fleet shadow")
            group.start_soon(self._watch_update, name="fleet bundle")
            group.start_soon(self.telemetry.run, name="fleet telemetry")
            group.start_soon(self._agreement.run, name="fleet agreement")
            group.start_soon(self._jobs.run, name="fleet jobs")
            group.start_soon(link.run, name="fleet link")

    # what telemetry is told

    @property
    def status(self) -> AgentStatus:
        return self._status

    @property
    def telemetry_seconds(self) -> float:
        return self._telemetry_seconds

    @property
    def running(self) -> tuple[str, int]:
        """The digest of the open bundle, and the version of the settings."""
        return self._status.update.bundle, self._shadow.version

    def links(self) -> Mapping[str, LinkEstimate]:
        return self._agent.models.orchestrator.links() if self._agent else {}

    # answers that are compared

    @property
    def orchestrator(self) -> Orchestrator:
        assert self._agent
        return self._agent.models.orchestrator

    @property
    def sample_terms(self) -> SampleTerms:
        access = self._settings.fleet
        assert isinstance(access, FleetAccess)
        return SampleTerms(access.agreement, access.agreement_bytes)

    def may_spend(self, source: str) -> bool:
        """Whether the day's budgets of a source leave something; applications have none."""
        assert self._agent
        budgets = [
            Budget(one.bytes_per_day, one.joules_per_day)
            for one in self._settings.source
            if one.name == source
        ]
        return not any(self._agent.budgets.over(source, one) for one in budgets)

    def compared(self, found: Compared) -> None:
        assert self._agent
        self._agent.budgets.spend(found.seen.frame.source, found.answer.bytes_up, found.answer.joules)
        self.telemetry.compared(found)

    # the connection

    async def _begin(self) -> int:
        """A session, greater than any before, whatever the clock says."""
        self._session = await anyio.to_thread.run_sync(self._next_session)
        self.telemetry.begin(self._session)
        if self._jobs:
            self._jobs.session = self._session
        self._tell_reported()
        await self._tell_state()
        return self._session

    def _next_session(self) -> int:
        session = max(self._session + 1, int(time.time()))
        try:
            kept = self._database.read(_SESSION)
            session = max(session, int(kept) + 1 if kept.isdigit() else 0)
            self._database.write(_SESSION, str(session).encode())
        except RequestError as error:  # a full disk is no reason to be away
            _log.error("fleet: the session's number cannot be kept: %s", error)
        return session

    async def _heard(self, kind: str, job: str, payload: bytes) -> None:
        if kind == "desired" and payload:
            self._desired = payload  # of two that come together the last counts
            self._news.set()
        elif kind == "job" and self._jobs:
            await self._jobs.heard(job, payload)

    async def _tell_state(self) -> None:
        if not self._agent:
            return
        models, base = self._agent.models, self._agent.base
        facts = await anyio.to_thread.run_sync(
            device_facts,
            base,
            models.orchestrator.bundle,
            models.orchestrator.profile,
            config.fetched_folder(),
        )
        born = pb.DeviceState(
            connection=pb.DeviceState.ONLINE, session=self._session, device=facts, instance=self._instance
        )
        born.since.FromSeconds(int(time.time()))
        try:
            told = to_json(born)
        except TooLarge:  # of many cuts
            born.device.ClearField("times")
            told = to_json(born)
        self._told.put_first(self._topics.state, told, retain=True)

    def _tell_reported(self) -> None:
        """Unless it is as it was told last."""
        reported = self._shadow.reported(self._session)
        self._takeover.tell(reported, self._shadow.trying)
        if reported == self._reported:
            return
        self._reported.CopyFrom(reported)
        reported.at.FromNanoseconds(time.time_ns())
        self._told.put(self._topics.reported, fitting(reported), retain=True)

    def _job_told(self, job: str, status: bytes) -> None:
        self._told.put(self._topics.job_status(job), status)

    def _window_waits(self) -> None:
        self._told.changed()

    # the shadow

    async def _watch_update(self) -> None:
        """Another bundle is wanted, open, kept, or given up."""
        opened = self._status.update.bundle
        while True:
            await self._status.update.changed()
            self._news.set()
            if self._status.update.bundle == opened:
                continue
            opened = self._status.update.bundle
            try:
                await self._tell_state()
            except RequestError as error:
                _log.error("fleet: what this device is cannot be told: %s", error)

    async def _steer(self) -> None:
        """One wish after another."""
        assert self._agent
        while True:
            self._news = anyio.Event()
            try:
                desired, self._desired = self._desired, None
                await self._steering.step(self._agent, desired, self._own)
            except RequestError as error:  # the disk: what is in force stays so
                _log.error("fleet: %s", error)
            self._tell_reported()
            with anyio.move_on_after(self._takeover.seconds_left(self._shadow.trying)):
                await self._news.wait()
