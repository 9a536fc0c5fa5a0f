"""What jobs do."""

import json
import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import anyio
import anyio.to_thread

from edge import config
from edge.agent.assembly.models import Models
from edge.agent.broker.fleet_access import FleetAccess
from edge.agent.config.settings import AgentSettings
from edge.agent.config.showing import as_json
from edge.agent.fleet.accuracy.self_test import SelfTest, forcing
from edge.agent.fleet.facts import device_times
from edge.agent.fleet.jobs import Running
from edge.agent.fleet.overlay import update_of
from edge.agent.observing.standing_answer import StandingAnswer
from edge.agent.status.agent_status import AgentStatus
from edge.agent.update.store import BundleStore
from edge.costs.measure import measure
from edge.requests.turn import Priority
from protos import fleet_pb2 as pb
from protos.connection.backoff import Backoff
from protos.costs.profile import DeviceProfile
from protos.errors import CloudError, RequestError
from protos.fleet.bounds import violations
from protos.held_out import read_held_out
from protos.terminal.options import open_bundle

if TYPE_CHECKING:
    from edge.agent.update.download import BundleDownload

_LINES, _ANSWERS = 200, 20  # the last, of the log and of answers
_MAX_REPORT = 24 << 10  # bytes of ASCII, which in a message may become twice as many
_MEASURE_SECONDS = 5.0
_RETRY_SECONDS, _MAX_TRIES = (0.5, 30.0), 4
_LEAVE_SECONDS = 1.0  # for the broker to be told that a restart has begun


class TaskAgent(Protocol):
    """The seam: what jobs need of the running agent."""

    @property
    def status(self) -> AgentStatus: ...

    @property
    def base(self) -> AgentSettings:
        """The settings of the file."""

    @property
    def models(self) -> Models:
        """The open ones."""

    def end(self) -> None:
        """End in order; the supervisor starts another."""


class Diary(logging.Handler):
    """The last lines of the log, and the last answers where the device's file allows that they are told."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        self.lines, self.answers = deque[str](maxlen=_LINES), deque[str](maxlen=_ANSWERS)
        self.keeps_answers = False

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    async def observe(self, seen: StandingAnswer) -> None:
        """An answer, to whomever."""
        if self.keeps_answers:
            self.answers.append(f"{seen.frame.source} {seen.frame.sequence} {seen.question}: {seen.text}")


class Tasks:
    """Each by the name of its field in a job."""

    def __init__(
        self,
        agent: TaskAgent,
        access: FleetAccess,
        diary: Diary,
        settings: Callable[[], AgentSettings],
    ) -> None:
        """`settings`: those in force."""
        self._agent, self._access, self._diary, self._settings = agent, access, diary, settings

    async def perform(self, running: Running) -> pb.JobStatus:
        """What came of it. Raises IsthmusError where it failed."""
        tasks: dict[str | None, Callable[[Running], Any]] = {
            "fetch": self._fetch,
            "profile": self._profile,
            "self_test": self._self_test,
            "diagnose": self._diagnose,
            "restart": self._restart,
        }
        found: pb.JobStatus = await tasks[running.job.WhichOneof("task")](running)
        return found

    async def _fetch(self, running: Running) -> pb.JobStatus:
        from edge.agent.update.download import BundleDownload

        reference, base = running.job.fetch.bundle, self._agent.base
        if broken := violations(pb.FleetSettings(bundle=reference)):
            raise RequestError(f"fetch.bundle: {broken[0].text}")
        own = (await anyio.to_thread.run_sync(open_bundle, base.bundle)).digest
        update = update_of(base, reference, own)
        held = {own, self._agent.models.key.bundle}
        if update is None or reference.digest in held:
            return pb.JobStatus(reason="it is here already")
        store = BundleStore(config.fetched_folder(), update, own, "job")
        if await anyio.to_thread.run_sync(store.bundle, reference.digest):
            return pb.JobStatus(reason="it is here already")
        await _fetched(BundleDownload(update, store.archive), update.url_of(reference.digest))
        running.progress(0.9)
        await anyio.to_thread.run_sync(store.unpack, reference.digest)
        return pb.JobStatus(reason="it is here")

    async def _profile(self, running: Running) -> pb.JobStatus:
        """While this device answers nobody. Its numbers are in force once models are opened again."""
        models, base = self._agent.models, self._agent.base
        bundle = models.orchestrator.bundle

        def measured() -> DeviceProfile:
            with models.orchestrator.paused(Priority.STANDING):
                return measure(
                    bundle, base.threads, _MEASURE_SECONDS, running.progress_of_thread, base.provider
                )

        profile = await anyio.to_thread.run_sync(measured)
        path = config.profile_file(bundle.digest, base.threads, base.provider)
        await anyio.to_thread.run_sync(lambda: profile.save(path, usual=True))
        return pb.JobStatus(times=device_times(profile), reason="in force from the next start on")

    async def _self_test(self, running: Running) -> pb.JobStatus:
        """By routes that the settings in force allow, and after all who ask."""
        wished, settings = running.job.self_test, self._settings()
        orchestrator = self._agent.models.orchestrator
        bundle = orchestrator.bundle
        held_out = await anyio.to_thread.run_sync(read_held_out, bundle)
        routes = forcing(wished.routes, settings.rules.rules(), bundle, remote=bool(settings.clouds))
        test = SelfTest(orchestrator, held_out)
        return pb.JobStatus(accuracies=await test.run(routes, wished.pictures, running.progress))

    async def _diagnose(self, running: Running) -> pb.JobStatus:
        content = running.job.diagnose.content
        if content and not self._access.allow_content:
            raise RequestError(
                "this device's agent.toml does not allow that questions and answers are told; ask without "
                "content, or have allow-content = true set there"
            )
        base, status = self._agent.base, self._agent.status
        told = as_json(base)
        if not content:
            _without_questions(told)
        report = {
            "settings": told,
            "bundle": status.update.bundle,
            "update": {
                "state": status.update.state,
                "given_up": status.update.given_up,
                "error": status.update.error,
            },
            "sources": {name: _counts(one) for name, one in status.snapshot().sources.items()},
            "failed": dict(status.traffic.failed),
            "log": list(self._diary.lines),
            **({"answers": list(self._diary.answers)} if content else {}),
        }
        return pb.JobStatus(report=_fitting(report))

    async def _restart(self, running: Running) -> pb.JobStatus:
        del running
        if not self._access.allow_restart:
            raise RequestError("this device's agent.toml does not allow a restart; set allow-restart there")
        await anyio.sleep(_LEAVE_SECONDS)
        self._agent.end()
        await anyio.sleep_forever()
        raise AssertionError


async def _fetched(download: "BundleDownload", url: str) -> None:
    """Goes on with what broke off. Raises CloudError where nothing more comes in a few tries."""
    backoff, tries, size = Backoff(*_RETRY_SECONDS), 0, 0
    while error := await _broken_off(download, url):
        tries, size = (0 if download.size > size else tries + 1), download.size
        if tries >= _MAX_TRIES:
            raise error
        await anyio.sleep(backoff.seconds())


async def _broken_off(download: "BundleDownload", url: str) -> CloudError | None:
    """One try; None where all of it is here."""
    try:
        await download.fetch(url)
    except CloudError as error:
        return error
    return None


def _counts(counts: Any) -> dict[str, Any]:
    fields = ("state", "reason", "read", "dropped", "gated", "asked", "failed", "refused", "held", "bytes_up")
    return {name: getattr(counts, name) for name in fields} | {"answered": dict(counts.answered)}


def _without_questions(settings: dict[str, Any]) -> None:
    for source in settings["source"]:
        source["question"] = [one["name"] for one in source["question"]]


def _fitting(report: dict[str, Any]) -> str:
    """As JSON; of a log that is too long the oldest lines go."""
    while len(text := json.dumps(report, default=str)) > _MAX_REPORT and report["log"]:
        report["log"] = report["log"][len(report["log"]) // 2 + 1 :]
    return text[:_MAX_REPORT]
