"""A simulated device: it speaks MQTT as a real one does, and takes or refuses what it is told."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiomqtt
import anyio

from protos import fleet_pb2 as pb
from protos.fleet.messages import from_json, to_json
from protos.fleet.topics import DeviceTopics
from tests.cloud.fleet.telling import FLEET, birth, will, window


@dataclass
class SimulatedDevice:
    """`milliseconds`: of its answers, by its settings. It tells a window `every` so many seconds."""

    name: str
    client: aiomqtt.Client
    session: int = 1
    every: float = 0.25
    machine: str = "Orin Nano"
    milliseconds: Callable[[pb.FleetSettings], float] = lambda _: 300.0
    refuses: bool = False
    settings: pb.FleetSettings = field(default_factory=pb.FleetSettings)
    version: int = 0
    jobs: list[str] = field(default_factory=list)

    @property
    def topics(self) -> DeviceTopics:
        return DeviceTopics(FLEET, self.name)

    async def run(self) -> None:
        await self.client.subscribe(self.topics.desired, qos=1)
        await self.client.subscribe(self.topics.jobs, qos=1)
        await self.client.publish(
            self.topics.state, to_json(birth(self.session, self.machine)), qos=1, retain=True
        )
        await self._report()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._tell)
            async for message in self.client.messages:
                assert isinstance(message.payload, bytes)
                if not message.payload:
                    continue
                if message.topic.matches(self.topics.desired):
                    await self._obey(from_json(pb.Desired, message.payload))
                elif message.topic.matches(self.topics.jobs):
                    await self._do(from_json(pb.Job, message.payload))

    async def _obey(self, desired: pb.Desired) -> None:
        if desired.version <= self.version:
            return
        if self.refuses:
            await self._report(pb.Refusal(version=desired.version, reason=pb.Refusal.IMPOSSIBLE, text="no"))
            return
        self.version, self.settings = desired.version, desired.settings
        await self._report()

    async def _do(self, job: pb.Job) -> None:
        self.jobs.append(job.id)
        status = pb.JobStatus(id=job.id, session=self.session, state=pb.JobStatus.SUCCEEDED)
        await self.client.publish(self.topics.job_status(job.id), to_json(status), qos=1)

    async def _report(self, refused: pb.Refusal | None = None) -> None:
        reported = pb.Reported(
            session=self.session,
            version=self.version,
            highest_version=max(self.version, refused.version if refused else 0),
            settings=self.settings,
            refused=refused,
        )
        await self.client.publish(self.topics.reported, to_json(reported), qos=1, retain=True)

    async def _tell(self) -> None:
        sequence = 0
        while True:
            sequence += 1
            cut = self.settings.cuts.pinned or "vision.4"
            told = window(sequence, self.session, milliseconds=self.milliseconds(self.settings), cut=cut)
            told.milliseconds = round(1000 * self.every)
            await self.client.publish(self.topics.telemetry, to_json(told), qos=1)
            await anyio.sleep(self.every)


@asynccontextmanager
async def device_at(port: int, name: str, **options: object) -> AsyncIterator[SimulatedDevice]:
    """Connected, and there until the end."""
    session = int(str(options.get("session", 1)))
    gone = aiomqtt.Will(DeviceTopics(FLEET, name).state, to_json(will(session)), qos=1, retain=True)
    async with aiomqtt.Client("127.0.0.1", port, identifier=f"device-{name}", will=gone) as client:
        device = SimulatedDevice(name, client, **options)  # type: ignore[arg-type]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(device.run)
            yield device
            tasks.cancel_scope.cancel()
