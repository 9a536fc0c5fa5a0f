"""What devices tell, as plain values."""

import time
from collections.abc import Sequence

from google.protobuf.message import Message

from cloud.fleet.broker.intake import Intake
from cloud.fleet.broker.reading import Arrived
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.lease import Leadership
from protos import fleet_pb2 as pb
from protos.fleet.messages import to_json
from protos.fleet.sketch import ValueSketch
from protos.fleet.topics import DeviceTopics

FLEET = "acme"
CUTS = {"vision.4": ["int8-zstd", "pca"], "connector": ["int8-zstd"]}


def birth(session: int = 1, machine: str = "Orin Nano", instance: str = "") -> pb.DeviceState:
    device = pb.Device(version="0.1.0", machine=machine, bundle="a" * 64)
    device.cuts.extend(pb.HeldCut(name=name, codecs=codecs) for name, codecs in CUTS.items())
    online = pb.DeviceState.ONLINE
    return pb.DeviceState(connection=online, session=session, device=device, instance=instance)


def will(session: int = 1) -> pb.DeviceState:
    return pb.DeviceState(connection=pb.DeviceState.OFFLINE, session=session)


def window(
    sequence: int,
    session: int = 1,
    count: int = 20,
    milliseconds: float = 300.0,
    failed: int = 0,
    cut: str = "vision.4",
) -> pb.Telemetry:
    sketch = ValueSketch()
    sketch.add(*[milliseconds * (1 + place / 100) for place in range(count)])
    told = pb.Telemetry(session=session, sequence=sequence, milliseconds=30_000)
    told.arms.add(
        route="split",
        cut=cut,
        status="OK",
        count=count,
        bytes_up=1000 * count,
        milliseconds=sketch.message(),
        compared=2,
        agreed=2,
    )
    if failed:
        told.arms.add(route="split", cut="vision.4", status="UNAVAILABLE", count=failed)
    return told


def arrived(device: str, message: Message, at: float | None = None, *, job: str = "") -> Arrived:
    topics = DeviceTopics(FLEET, device)
    topic = {
        pb.DeviceState: topics.state,
        pb.Reported: topics.reported,
        pb.Telemetry: topics.telemetry,
    }.get(type(message)) or topics.job_status(job)
    return Arrived(time.time() if at is None else at, topic, to_json(message))


def intake_of(database: Database, leader: Leadership, bucket: float = 600.0) -> Intake:
    return Intake(database, leader, FLEET, bucket)


def known_devices(database: Database, leader: Leadership, names: Sequence[str]) -> Intake:
    """Devices that were born and report what agent.toml says."""
    intake = intake_of(database, leader)
    intake.take([arrived(name, birth()) for name in names])
    intake.take([arrived(name, pb.Reported(session=1)) for name in names])
    return intake
