"""Events of a job as messages of the wire, and as a line of the log."""

import logging
from collections.abc import Callable

from cloud.api.status import code_number, reason_of, status_of
from cloud.engine.job import Event, Job
from protos import inference_pb2 as ip

_log = logging.getLogger(__name__)


def reply(identity: str, event: Event, load: Callable[[], ip.Load]) -> ip.InferReply:
    """An event of an answer; the last one reports the load."""
    if isinstance(event, str):
        return ip.InferReply(id=identity, text=event)
    if isinstance(event, ip.EmbedReply):
        raise TypeError("embeddings are no answer to a question")
    event.load.CopyFrom(load())
    return ip.InferReply(id=identity, done=event)


def log_answered(identity: str, job: Job) -> None:
    """One line for the operator about an answer whose last event was given: never what it says."""
    _log.info(
        "answered %r at %s: total %.0f ms, queue %.0f ms",
        identity,
        job.image.cut if job.image else None,
        job.stages.total,
        job.stages.queue,
        extra={"bundle": job.tail.digest, "total_ms": job.stages.total, "queue_ms": job.stages.queue},
    )


def failure(identity: str, error: Exception) -> ip.InferReply:
    """The end of one request of a stream that goes on."""
    return ip.InferReply(id=identity, failure=failure_of(error))


def failure_of(error: Exception) -> ip.Failure:
    """Its status, message and reason."""
    status, message = status_of(error)
    return ip.Failure(code=code_number(status), message=message, reason=reason_of(error))
