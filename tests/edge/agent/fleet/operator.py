"""An operator at a real broker: what devices tell, read as messages, and what they are told."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiomqtt
import anyio
from google.protobuf.message import Message

from protos import fleet_pb2 as pb
from protos.fleet.messages import from_json, to_json
from protos.fleet.topics import DeviceTopics, parse_topic, told_by_devices
from tests.edge.agent.events.sinks.feeding import until

FLEET, DEVICE = "plant", "gate-3"
TOPICS = DeviceTopics(FLEET, DEVICE)
MessageT = TypeVar("MessageT", bound=Message)


class Operator:
    """Of one device."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self.told: list[tuple[str, Message]] = []  # by the kind of topic

    def of(self, kind: type[MessageT]) -> Sequence[MessageT]:
        return [message for _, message in self.told if isinstance(message, kind)]

    async def wishes(self, version: int, **settings: Any) -> None:
        await self.says(to_json(pb.Desired(version=version, settings=pb.FleetSettings(**settings))))

    async def says(self, desired: bytes) -> None:
        await self._client.publish(TOPICS.desired, desired, qos=1, retain=True)

    async def orders(self, job: pb.Job) -> None:
        await self._client.publish(TOPICS.job(job.id), to_json(job), qos=1)

    async def hears(self, kind: type[MessageT], holds: Callable[[MessageT], object]) -> MessageT:
        """The last message of a kind, once it is one of which this holds."""
        await until(lambda: (found := self.of(kind)) and holds(found[-1]))
        return self.of(kind)[-1]

    async def status(self, job: str, state: "pb.JobStatus.State") -> pb.JobStatus:
        return await self.hears(pb.JobStatus, lambda one: one.id == job and one.state == state)

    async def listen(self) -> None:
        kinds = {
            "state": pb.DeviceState,
            "reported": pb.Reported,
            "telemetry": pb.Telemetry,
            "job-status": pb.JobStatus,
        }
        async for message in self._client.messages:
            kind = parse_topic(message.topic.value).kind
            assert isinstance(message.payload, bytes)
            self.told.append((kind, from_json(kinds[kind], message.payload)))


@asynccontextmanager
async def operator(port: int) -> AsyncIterator[Operator]:
    async with aiomqtt.Client("127.0.0.1", port) as client, anyio.create_task_group() as tasks:
        found = Operator(client)
        for topic in told_by_devices(FLEET):
            await client.subscribe(topic, qos=1)
        tasks.start_soon(found.listen)
        yield found
        tasks.cancel_scope.cancel()
        client.timeout = 1  # for its goodbye, which amqtt does not answer
