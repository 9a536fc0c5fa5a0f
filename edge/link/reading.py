"""A call to the cloud that a thread of its own reads, so that the device can do something else meanwhile."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from edge.background import Background, ignore, working
from edge.link.client import Replies
from edge.link.cloud_call import AnyExchange
from protos import inference_pb2 as pb

PendingCall = Background[pb.Done]


def reading(
    call: AnyExchange, replies: Replies, on_end: Callable[[], None] = ignore
) -> AbstractContextManager[PendingCall]:
    """Read a call that has begun. In the end it is cancelled, if it still runs, and the thread is gone."""
    return working(lambda tell: call.read(replies, tell), replies.close, name="cloud call", on_end=on_end)
