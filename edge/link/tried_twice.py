"""A request with an idempotency key, tried once more where its reply was lost: the cloud runs it once."""

import time
from collections.abc import Callable, Iterator
from threading import Lock

from edge.link.client import UNSENT, Cloud, Replies
from protos import inference_pb2 as pb
from protos.errors import CloudError


class TriedTwice:
    """The `Replies` of a request, by its second try from where the first left off, if that one was lost: its
    connection broke, or brought nothing in time.
    """

    def __init__(
        self,
        cloud: Cloud,
        request: pb.InferRequest,
        seconds: float,
        silence_seconds: float | None,
        afford: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        *,
        last: bool = True,
    ) -> None:
        """`seconds` are for both tries. A first one without any reply in `silence_seconds` is lost; so is the
        second, unless it is the `last` that may bring an answer. `afford` counts the request's bytes for the
        second one, or says that they may not be sent. Raises what the cloud raises.
        """
        self._last_silence = None if last else silence_seconds
        self._cloud, self._request, self._afford, self._clock = cloud, request, afford, clock
        self._due = clock() + seconds
        self._lock, self._closed = Lock(), False
        self._replies: Replies = cloud.infer(request, seconds, silence_seconds)

    def __iter__(self) -> Iterator[pb.InferReply]:
        said = ""
        try:
            for reply in self._replies:
                said += reply.text
                yield reply
        except CloudError as error:
            if not _lost(error) or not self._try_again():
                raise
        else:
            return
        yield from _rest(self._replies, said)

    def close(self) -> None:
        """As `Replies` has it."""
        with self._lock:
            self._closed = True
        self._replies.close()

    def _try_again(self) -> bool:
        with self._lock:
            left = self._due - self._clock()
            if self._closed or left <= 0 or not self._afford():
                return False
            self._replies = self._cloud.infer(self._request, left, self._last_silence)
            return True


def _lost(error: CloudError) -> bool:
    """Whether the cloud may have the request, and this device not its reply."""
    unanswered = type(error) is CloudError and error.facts.get("status") == CloudError.status
    return unanswered and not error.facts.get(UNSENT)


def _rest(replies: Replies, said: str) -> Iterator[pb.InferReply]:
    """What comes behind the words that were passed on already. Raises CloudError where it is another
    answer.
    """
    for reply in replies:
        length = min(len(said), len(reply.text))
        if reply.text[:length] != said[:length] or (said and reply.HasField("done")):
            raise CloudError("the cloud's answer broke off, and its second one is another; ask again")
        said = said[length:]
        if reply.HasField("text"):
            reply.text = reply.text[length:]
        if reply.text or not reply.HasField("text"):
            yield reply
