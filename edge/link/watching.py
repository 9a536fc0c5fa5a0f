"""A camera's frames to the cloud in one call: each a few bytes beside its payload, and answered in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock
from typing import Protocol

import grpc

from protos import inference_pb2 as pb
from protos.connection.failures import failure
from protos.connection.peer import Peer
from protos.errors import CloudError, IsthmusError

_STATUS_NAMES = {status.value[0]: status.name for status in grpc.StatusCode}


@dataclass(frozen=True)
class FrameAnswer:
    """What the cloud says about the frame of this number; `text` is the last answer that it gave."""

    sequence: int
    text: str
    done: pb.Done | None = None  # None: as before
    error: IsthmusError | None = None  # this frame has no answer; the stream goes on


class WatchReplies(Protocol):
    """Replies as they come."""

    def __iter__(self) -> Iterator[pb.WatchReply]: ...

    def close(self) -> None:
        """End the call, if it still runs."""


class FrameQueue:
    """The messages of a stream: its opening, then frames as they are sent. From any thread."""

    def __init__(self, opening: pb.WatchOpening) -> None:
        self._messages: SimpleQueue[pb.WatchRequest | None] = SimpleQueue()
        self._messages.put(pb.WatchRequest(opening=opening))
        self._lock, self._sequence = Lock(), 0

    def send(self, payloads: Sequence[bytes], *, key_frame: bool) -> int:
        """Send a frame; its number."""
        with self._lock:
            self._sequence += 1
            frame = pb.WatchRequest(sequence=self._sequence, key_frame=key_frame)
            if key_frame or any(payloads):  # of differences none means that nothing changed
                frame.payloads.extend(payloads)
            self._messages.put(frame)
            return self._sequence

    def finish(self) -> None:
        """No frame follows."""
        self._messages.put(None)

    def __iter__(self) -> Iterator[pb.WatchRequest]:
        while message := self._messages.get():
            yield message


class FrameStream:
    """One call of Watch. Frames are sent from any thread, and answers read in one."""

    def __init__(self, frames: FrameQueue, replies: WatchReplies, peer: Peer) -> None:
        self._frames, self._replies, self._peer = frames, replies, peer
        self._last, self._text = 0, ""

    def send(self, payloads: Sequence[bytes], *, key_frame: bool) -> int:
        """Send a frame: a payload of each tensor in the manifest's order, coded by themselves (`key_frame`)
        or against the frame that was sent before. Its number, from 1 upwards. Never waits.

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

    def __iter__(self) -> Iterator[FrameAnswer]:
        """An answer to every frame in order, also to those that had no reply of their own. Raises what the
        client raises, and CloudError for replies that are out of order.
        """
        for reply in self._replies:
            if reply.sequence and reply.sequence <= self._last:
                raise CloudError(
                    f"the cloud at {self._peer} answered frame {reply.sequence} behind frame {self._last}; "
                    "open another stream"
                )
            for sequence in range(self._last + 1, reply.sequence):
                yield FrameAnswer(sequence, self._text)
            yield self._answer(reply)

    def _answer(self, reply: pb.WatchReply) -> FrameAnswer:
        self._last = max(self._last, reply.sequence)
        if reply.HasField("failure"):
            code = _STATUS_NAMES.get(reply.failure.code, "UNKNOWN")
            error = failure(code, reply.failure.message, self._peer)
            return FrameAnswer(reply.sequence, self._text, error=error)
        if not reply.HasField("done"):
            return FrameAnswer(reply.sequence, self._text)
        self._text = reply.text
        return FrameAnswer(reply.sequence, reply.text, reply.done)
