"""One call to the cloud, watched: when the first word came, what the cloud says it took, and so what the
network took.
"""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from edge.link.client import Cloud, Replies, bytes_left
from edge.link.tried_twice import TriedTwice
from protos import inference_pb2 as pb
from protos.errors import CloudError, IsthmusError

MIN_MS = 0.1  # no call is faster; a cloud whose clock says so is wrong


@dataclass
class CloudCall:
    """Instants are of `clock`, in seconds."""

    request: pb.InferRequest
    clock: Callable[[], float] = time.monotonic
    begun: float = 0.0
    first_reply: float | None = None  # when the first reply came
    first_is_text: bool = False  # that reply was a piece of the answer, sent before the cloud was done
    done: pb.Done | None = None
    tries: int = 1

    @property
    def size(self) -> int:
        """Bytes of the request."""
        return self.request.ByteSize()

    @property
    def sent(self) -> int:
        """Bytes, of all tries."""
        return self.tries * self.size

    def sent_in_vain(self, error: IsthmusError) -> int:
        """Bytes that left the device, at most, of a call that failed with this error."""
        return self.sent - self.size + bytes_left(self.request, error)

    def begin(self, cloud: Cloud, seconds: float) -> Replies:
        """Call; `read` is to follow, in this thread or another. Raises what the client raises."""
        self.begun = self.clock()
        return cloud.infer(self.request, seconds)

    def begin_keyed(
        self,
        cloud: Cloud,
        seconds: float,
        silence_seconds: float | None,
        afford: Callable[[int], bool],
        *,
        last: bool = True,
    ) -> Replies:
        """As `begin`, of a request with an idempotency key: it is tried again where its reply is lost, or
        none comes in `silence_seconds`, if there is such a limit. `afford` counts so many bytes once more, or
        says that they may not be sent; `last`: no other cloud could be asked.
        """
        self.begun = self.clock()

        def again() -> bool:
            affordable = afford(self.size)
            self.tries += affordable
            return affordable

        return TriedTwice(cloud, self.request, seconds, silence_seconds, again, self.clock, last=last)

    def read(self, replies: Replies, tell: Callable[[str], None]) -> pb.Done:
        """Pass the text of a call on as it comes. Raises what the client raises; CloudError if the reply has
        no end.
        """
        with closing(replies):
            for reply in replies:
                self._note(reply)
                if reply.text:
                    tell(reply.text)
        if self.done is None:
            raise CloudError("the cloud's answer broke off before its end; ask again")
        return self.done

    def waited_ms(self) -> float:
        """Since the call began."""
        return (self.clock() - self.begun) * 1000

    def network_ms(self) -> float:
        """From the call to the first reply, without the cloud's own work up to there. Known once the call is
        done.
        """
        if self.done is None or self.first_reply is None:
            raise ValueError("the call is not done")
        stages = self.done.stages
        first = stages.decode + stages.queue + stages.tail + stages.first_token
        worked = first if self.first_is_text else stages.total
        return max((self.first_reply - self.begun) * 1000 - (worked if worked > 0 else 0.0), MIN_MS)

    def _note(self, reply: pb.InferReply) -> None:
        if self.first_reply is None:
            self.first_reply, self.first_is_text = self.clock(), reply.HasField("text")
        if reply.HasField("done"):
            self.done = reply.done
