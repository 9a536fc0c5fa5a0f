"""A call to the cloud that a thread of its own reads, so that the device can do something else meanwhile."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue

from edge.link.client import Cloud
from edge.link.cloud_call import CloudCall, Replies
from protos import inference_pb2 as pb


class PendingCall:
    """What has come of a call so far. Its thread is the only one that writes."""

    def __init__(self, call: CloudCall) -> None:
        self._call = call
        self._texts = SimpleQueue[str | None]()  # None: the end
        self._error: BaseException | None = None
        self._ended = False  # all text was passed on

    @property
    def answered(self) -> bool:
        """Whether the answer is whole."""
        return self._call.done is not None

    def check(self) -> None:
        """Raise what the call has raised, if it has."""
        if self._error is not None:
            raise self._error

    def pass_on(self, tell: Callable[[str], None], seconds: float = math.inf) -> bool:
        """Pass the text on as it comes, for at most so long; whether that was all. Raises what the call
        raised.
        """
        until = time.monotonic() + seconds
        while not self._ended:
            left = until - time.monotonic()
            try:
                text = self._texts.get(timeout=None if left == math.inf else max(left, 0.0))
            except Empty:
                return False
            if text is None:
                self._ended = True
            else:
                tell(text)
        self.check()
        return True

    def finish(self, tell: Callable[[str], None]) -> pb.Done:
        """Pass the text on as it comes, to the end. Raises what the call raised."""
        self.pass_on(tell)
        assert self._call.done
        return self._call.done

    def read(self, replies: Replies) -> None:
        """What the thread does."""
        try:
            self._call.read(replies, self._texts.put)
        except BaseException as error:  # noqa: BLE001 - raised again where the answer is waited for
            self._error = error
        finally:
            self._texts.put(None)


@contextmanager
def reading(call: CloudCall, cloud: Cloud, seconds: float) -> Iterator[PendingCall]:
    """Call, and read in the background. In the end the call is cancelled, if it still runs, and the thread is
    gone.
    """
    pending = PendingCall(call)
    thread = threading.Thread(target=pending.read, args=(call.begin(cloud, seconds),), name="cloud call")
    thread.start()
    try:
        yield pending
    finally:
        if thread.is_alive() and not pending.answered:
            cloud.cancel()
        thread.join()
