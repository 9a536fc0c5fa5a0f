"""What devices tell, read: each message by itself, and nothing of it believed before."""

from typing import NamedTuple

from google.protobuf.message import Message

from protos import fleet_pb2 as pb
from protos.errors import RequestError
from protos.fleet.messages import from_json
from protos.fleet.topics import Topic, TopicKind, parse_topic

_MAX_NUMBER = (1 << 63) - 1  # of a session or a version: databases have no greater ones
_KINDS: dict[TopicKind, type[Message]] = {
    "state": pb.DeviceState,
    "reported": pb.Reported,
    "telemetry": pb.Telemetry,
    "job-status": pb.JobStatus,
}


class Arrived(NamedTuple):
    """A message as it came. `at`: by the controller's clock, since a device's may be years off."""

    at: float
    topic: str
    payload: bytes
    retained: bool = False


class Told(NamedTuple):
    """The same, read."""

    at: float
    topic: Topic
    message: Message
    retained: bool


def read(arrived: Arrived, fleet: str) -> Told:
    """Raises RequestError for a topic that is not of this fleet's devices, and for what is no message of its
    kind, or of another job.
    """
    topic = parse_topic(arrived.topic)
    if topic.fleet != fleet or topic.kind not in _KINDS:
        raise RequestError("this is nothing that a device of the fleet tells")
    if b"\\u0000" in arrived.payload:
        raise RequestError("a text holds the character 0, which no database keeps")
    message = from_json(_KINDS[topic.kind], arrived.payload)
    if isinstance(message, pb.JobStatus) and message.id != topic.job:
        raise RequestError("the status is of another job than its topic")
    for field, value in message.ListFields():
        if isinstance(value, int) and value > _MAX_NUMBER:
            raise RequestError(f"{field.name} is greater than any that there is")
    return Told(arrived.at, topic, message, arrived.retained)
