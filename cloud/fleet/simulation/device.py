"""One simulated device: what it tells, and what becomes of what it is told. No socket, no clock."""

from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from google.protobuf.message import Message

from cloud.fleet.simulation.answering import SimulatedAnswers
from cloud.fleet.simulation.bundles import SimulatedBundle
from cloud.fleet.simulation.classes import SimulatedMachine
from cloud.fleet.wishes.merging import merged
from cloud.fleet.wishes.possible import impossible
from protos import fleet_pb2 as pb
from protos.errors import RequestError
from protos.fleet.bounds import violations
from protos.fleet.messages import from_json, to_json
from protos.fleet.topics import DeviceTopics, parse_topic

_MAX_WINDOWS = 20  # that wait for the broker
_FETCH_SECONDS, _PROFILE_SECONDS, _TEST_SECONDS = 5.0, 3.0, 5.0
_TEST_PICTURES = 200
_SHARED = 4096  # settings that many devices have alike
_OVER = pb.JobStatus.SUCCEEDED

Reason = pb.Refusal.Reason


class Outgoing(NamedTuple):
    """To be told."""

    topic: str
    payload: bytes
    retain: bool = False


class Seams(NamedTuple):
    """What a device needs of who runs it."""

    tell: Callable[[Outgoing], None]
    later: Callable[[float, Callable[[], None]], object]  # so many seconds on
    clock: Callable[[], float]  # seconds since 1970
    restart: Callable[[], None]


class SimulatedDevice:
    """It remembers what it was told over restarts, as a real one does."""

    def __init__(
        self,
        topics: DeviceTopics,
        kind: SimulatedMachine,
        bundle: SimulatedBundle,
        answering: SimulatedAnswers,
        seams: Seams,
        telemetry_seconds: int,
    ) -> None:
        self.topics, self.kind, self._seams = topics, kind, seams
        self._bundle, self._answering = bundle, answering
        self._base = _base(bundle.digest, telemetry_seconds)
        self._given = pb.Desired()  # the last that counted
        self.settings, self.version = self._base, 0
        self._digest, self._taking_over = bundle.digest, False
        self._jobs: dict[str, pb.JobStatus] = {}
        self.session, self._sequence = 0, 0
        self._window_began = seams.clock()
        self.windows = deque[bytes](maxlen=_MAX_WINDOWS)

    @property
    def telemetry_seconds(self) -> float:
        return float(self.settings.telemetry_seconds)

    def begin_session(self) -> bytes:
        """Before each connection: its last will."""
        self.session = max(self.session + 1, int(self._seams.clock()))
        return self.gone()

    def gone(self) -> bytes:
        """That it is there no longer."""
        return to_json(pb.DeviceState(connection=pb.DeviceState.OFFLINE, session=self.session))

    def born(self) -> None:
        """Once it is connected: who it is, and how."""
        facts = self.kind.facts()
        facts.bundle = self._digest
        facts.bundles.append(self._digest)
        facts.cuts.extend(self._bundle.held_cuts)
        facts.times.CopyFrom(self._bundle.times(self._answering.slowness))
        state = pb.DeviceState(connection=pb.DeviceState.ONLINE, session=self.session, device=facts)
        state.since.FromSeconds(int(self._seams.clock()))
        self._tell(self.topics.state, state, retain=True)
        self._report()

    def heard(self, topic: str, payload: bytes) -> None:
        """A message of one of its topics."""
        if not payload:
            return
        kind = parse_topic(topic)
        if kind.kind == "desired":
            self._take(payload)
        elif kind.kind == "job":
            self._take_job(kind.job, payload)

    def end_window(self) -> bool:
        """Whether there is one more to be told."""
        now = self._seams.clock()
        began, self._window_began = self._window_began, now
        if self._answering.silent(self.settings):
            return False
        told = self._answering.window(self.settings, began, max(now - began, 0.0))
        self._sequence += 1
        told.session, told.sequence = self.session, self._sequence
        told.bundle, told.settings_version = self._digest, self.version
        self.windows.append(to_json(told))
        return True

    # desired settings

    def _take(self, payload: bytes) -> None:
        try:
            desired = from_json(pb.Desired, payload)
        except RequestError as error:
            self._report(pb.Refusal(reason=Reason.MALFORMED, text=str(error)))
            return
        if desired.version == self._given.version and desired.settings == self._given.settings:
            return
        if desired.version <= self._given.version:
            words = f"version {desired.version} comes after {self._given.version}"
            self._refuse(desired, Reason.STALE, "version", words)
            return
        self._given.CopyFrom(desired)
        for reason, field, words in self._objections(desired.settings):
            self._refuse(desired, reason, field, words)
            return
        self._adopt(desired)

    def _objections(self, wish: pb.FleetSettings) -> Sequence[tuple["Reason", str, str]]:
        if broken := violations(wish):
            return [(Reason.OUT_OF_BOUNDS, broken[0].field, broken[0].text)]
        device = pb.Device(bundle=self._digest, cuts=self._bundle.held_cuts)
        words = impossible(device, self._base, wish)
        return [(Reason.IMPOSSIBLE, "settings.cuts", words)] if words else []

    def _adopt(self, desired: pb.Desired) -> None:
        """At once, or when another bundle has been fetched."""
        digest = desired.settings.bundle.digest or self._bundle.digest
        if digest == self._digest:
            self._put_in_force(desired)
            return
        self._taking_over = True
        self._report()
        self._seams.later(_FETCH_SECONDS, lambda: self._open(desired, digest))

    def _open(self, desired: pb.Desired, digest: str) -> None:
        if desired.version == self._given.version:
            self._digest, self._taking_over = digest, False
            self._put_in_force(desired)
            self.born()

    def _put_in_force(self, desired: pb.Desired) -> None:
        text = desired.settings.SerializeToString(deterministic=True)
        self.version = desired.version
        self.settings = _whole(self._base.SerializeToString(deterministic=True), text)
        self._report()

    def _refuse(self, desired: pb.Desired, reason: "Reason", field: str, words: str) -> None:
        self._report(pb.Refusal(version=desired.version, reason=reason, field=field, text=words))

    def _report(self, refused: pb.Refusal | None = None) -> None:
        reported = pb.Reported(
            session=self.session,
            version=self.version,
            highest_version=self._given.version,
            settings=self.settings,
            refused=refused,
            taking_over=self._taking_over,
        )
        reported.at.FromMilliseconds(int(1000 * self._seams.clock()))
        self._tell(self.topics.reported, reported, retain=True)

    # jobs

    def _take_job(self, identity: str, payload: bytes) -> None:
        try:
            job = from_json(pb.Job, payload)
        except RequestError as error:
            self._end_job(identity, pb.JobStatus.REJECTED, str(error))
            return
        known = self._jobs.get(identity)
        if known and not (job.cancel and known.state < _OVER):
            self._tell(self.topics.job_status(identity), known)
        elif job.cancel:
            self._end_job(identity, pb.JobStatus.CANCELLED)
        else:
            self._begin_job(job)

    def _begin_job(self, job: pb.Job) -> None:
        self._end_job(job.id, pb.JobStatus.RUNNING)
        match job.WhichOneof("task"):
            case "restart":
                self._end_job(job.id, pb.JobStatus.SUCCEEDED)
                self._seams.restart()
            case "diagnose":
                self._end_job(job.id, pb.JobStatus.SUCCEEDED, report="a simulated device has no log")
            case "fetch":
                self._seams.later(_FETCH_SECONDS, lambda: self._succeed(job.id))
            case "profile":
                times = self._bundle.times(self._answering.slowness)
                self._seams.later(_PROFILE_SECONDS, lambda: self._succeed(job.id, times=times))
            case "self_test":
                found = self._answering.accuracies(job.self_test.pictures or _TEST_PICTURES)
                self._seams.later(_TEST_SECONDS, lambda: self._succeed(job.id, accuracies=found))
            case _:
                self._end_job(job.id, pb.JobStatus.REJECTED, "it names no task")

    def _succeed(self, identity: str, **fields: Any) -> None:
        if self._jobs[identity].state == pb.JobStatus.RUNNING:
            self._end_job(identity, pb.JobStatus.SUCCEEDED, **fields)

    def _end_job(self, identity: str, state: "pb.JobStatus.State", reason: str = "", **fields: Any) -> None:
        status = pb.JobStatus(id=identity, session=self.session, state=state, reason=reason[:2000], **fields)
        status.progress = float(state == pb.JobStatus.SUCCEEDED)
        self._jobs[identity] = status
        self._tell(self.topics.job_status(identity), status)

    def _tell(self, topic: str, message: Message, *, retain: bool = False) -> None:
        self._seams.tell(Outgoing(topic, to_json(message), retain))


@lru_cache(_SHARED)
def _base(digest: str, telemetry_seconds: int) -> pb.FleetSettings:
    """What the file of a simulated device says."""
    return pb.FleetSettings(
        bundle=pb.BundleReference(digest=digest),
        weights=pb.FleetWeights(accuracy=50.0, kilobyte=0.0, joule=0.0),
        rules=pb.FleetRules(local=True, max_loss=100.0, confidence=0.95),
        telemetry_seconds=telemetry_seconds,
    )


@lru_cache(_SHARED)
def _whole(base: bytes, wish: bytes) -> pb.FleetSettings:
    """Of settings that many devices have alike, one is kept."""
    return merged(pb.FleetSettings.FromString(base), pb.FleetSettings.FromString(wish))
