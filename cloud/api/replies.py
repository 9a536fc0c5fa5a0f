"""Events of a job as messages of the wire."""

from collections.abc import Awaitable, Callable

from cloud.api.status import code_number, status_of
from cloud.engine.job import Event
from protos import inference_pb2 as ip

Send = Callable[[ip.InferReply], Awaitable[None]]


def reply(identity: str, event: Event, load: Callable[[], ip.Load]) -> ip.InferReply:
    """An event of an answer; the last one reports the load."""
    if isinstance(event, str):
        return ip.InferReply(id=identity, text=event)
    if isinstance(event, ip.EmbedReply):
        raise TypeError("embeddings are no answer to a question")
    event.load.CopyFrom(load())
    return ip.InferReply(id=identity, done=event)


def failure(identity: str, error: Exception) -> ip.InferReply:
    """The end of one request of a stream that goes on."""
    return ip.InferReply(id=identity, failure=failure_of(error))


def failure_of(error: Exception) -> ip.Failure:
    """Its status and message."""
    status, message = status_of(error)
    return ip.Failure(code=code_number(status), message=message)
