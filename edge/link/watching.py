"""A camera's frames to the cloud in one call: each a few bytes beside its payload, and answered in order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock
from typing import Protocol

import grpc

from edge.link.time_limits import TimeLimits
from protos import inference_pb2 as pb
from protos.connection.failures import failure
from protos.connection.peer import Peer
from protos.errors import CloudError, IsthmusError

MAX_WAITING = 32  # frames that the link has not taken yet
_STATUS_NAMES = {status.value[0]: status.name for status in grpc.StatusCode}
_TENTHS = 10  # of a millisecond


@dataclass(frozen=True)
class FrameAnswer:
    """What the cloud says about the frame of this number; `text` is the last answer that it gave. `stages`:
    of a frame that had a reply of its own at once; `ran`: the model did. `running`: it does now, and another
    answer about this frame follows.
    """

    sequence: int
    text: str
    done: pb.Done | None = None  # None: as before
    error: IsthmusError | None = None  # this frame has no answer; the stream goes on
    stages: pb.Stages | None = None
    ran: bool = False
    running: bool = False


class WatchReplies(Protocol):
    """Replies as they come."""

    @property
    def active(self) -> bool:
        """Whether the call goes on."""

    def __iter__(self) -> Iterator[pb.WatchReply]: ...

    def close(self) -> None:
        """End the call, if it still runs."""


class FrameQueue:
    """The messages of a stream: its opening, then frames as they are sent; at most MAX_WAITING of them wait
    for the link. From any thread.
    """

    def __init__(self, opening: pb.WatchOpening) -> None:
        self._messages: SimpleQueue[pb.WatchRequest | None] = SimpleQueue()
        self._messages.put(pb.WatchRequest(opening=opening))
        self._lock, self._sequence = Lock(), 0

    def send(self, payloads: Sequence[bytes], *, key_frame: bool) -> int:
        """Send a frame; its number. Raises CloudError where too many wait."""
        with self._lock:
            if self._messages.qsize() >= MAX_WAITING:
                raise CloudError(
                    f"{MAX_WAITING} frames wait for the link already; leave this one out, and code the next "
                    "against the last that was sent"
                )
            self._sequence += 1
            self._messages.put(frame_message(payloads, key_frame=key_frame))
            return self._sequence

    @property
    def sent(self) -> int:
        """The number of the last frame."""
        return self._sequence

    def finish(self) -> None:
        """No frame follows."""
        self._messages.put(None)

    def __iter__(self) -> Iterator[pb.WatchRequest]:
        while message := self._messages.get():
            yield message


def frame_message(payloads: Sequence[bytes], *, key_frame: bool) -> pb.WatchRequest:
    """A frame as a stream carries it, the next in number."""
    frame = pb.WatchRequest(key_frame=key_frame)
    if key_frame or any(payloads):  # of differences none means that nothing changed
        frame.payloads.extend(payloads)
    return frame


class FrameStream:
    """One call of Watch. Frames are sent from any thread, and answers read in one."""

    def __init__(
        self,
        frames: FrameQueue,
        replies: WatchReplies,
        peer: Peer,
        limits: TimeLimits,
        give_up: Callable[[float], IsthmusError],
    ) -> None:
        """`limits`: of the client; `give_up` gives up the connection, which brought nothing in so many
        seconds.
        """
        self._frames, self._replies, self._give_up = frames, replies, give_up
        self.peer, self.limits = peer, limits
        self._last, self._text = 0, ""

    @property
    def active(self) -> bool:
        """Whether the call goes on; the cloud may end one in which no frame comes."""
        return self._replies.active

    @property
    def sent(self) -> int:
        """The number of the last frame; 0 before the first."""
        return self._frames.sent

    def send(self, payloads: Sequence[bytes], *, key_frame: bool) -> int:
        """Send a frame: a payload of each tensor in the manifest's order, coded by themselves (`key_frame`)
        or against the frame that was sent before. Its number, from 1 upwards. Never waits: where the link
        takes no more, a frame is refused with a CloudError, and the one before it is still the last.

        After an answer that is an UnknownFrame or a PayloadError, only a key frame is answered.
        """
        return self._frames.send(payloads, key_frame=key_frame)

    def finish(self) -> None:
        """Say that no frame follows; the answers end when all are given."""
        self._frames.finish()

    def close(self) -> None:
        """End the call. From any thread."""
        self._frames.finish()
        self._replies.close()

    def lose(self, seconds: float) -> IsthmusError:
        """End the call and give its connection up: nothing came in so many seconds. The error that says
        so.
        """
        error = self._give_up(seconds)
        self.close()
        return error

    def __iter__(self) -> Iterator[FrameAnswer]:
        """An answer to every frame in order, also to those that had no reply of their own; before it, of a
        frame that might have had none, that it is `running`. Raises what the client raises, and CloudError
        for replies that are out of order.
        """
        for reply in self._replies:
            if reply.sequence <= self._last:
                raise CloudError(
                    f"the cloud at {self.peer} answered frame {reply.sequence} behind frame {self._last}; "
                    "open another stream"
                )
            for sequence in range(self._last + 1, reply.sequence):
                yield FrameAnswer(sequence, self._text)
            yield self._answer(reply)

    def _answer(self, reply: pb.WatchReply) -> FrameAnswer:
        if reply.running:
            self._last = reply.sequence - 1
            return FrameAnswer(reply.sequence, self._text, running=True)
        self._last = reply.sequence
        if reply.HasField("failure"):
            code = _STATUS_NAMES.get(reply.failure.code, "UNKNOWN")
            error = failure(code, reply.failure.message, self.peer, reply.failure.reason)
            return FrameAnswer(reply.sequence, self._text, error=error)
        if not reply.HasField("done"):
            stages = _stages(reply.stages) if reply.stages else None
            return FrameAnswer(reply.sequence, self._text, stages=stages, ran=len(reply.stages) > 1)
        self._text, ran = (
            reply.text,
            reply.done.reason != pb.Done.CONTENT_FILTER,
        )  # of which it tells no times
        return FrameAnswer(reply.sequence, reply.text, reply.done, stages=reply.done.stages, ran=ran)


def _stages(tenths: Sequence[int]) -> pb.Stages:
    """As `WatchReply.stages` has them."""
    decode, queue, tail, first_token, generate = (one / _TENTHS for one in [*tenths, 0, 0, 0, 0, 0][:5])
    total = decode + queue + tail + first_token + generate
    return pb.Stages(
        decode=decode, queue=queue, tail=tail, first_token=first_token, generate=generate, total=total
    )
