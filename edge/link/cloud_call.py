"""One call to the cloud, watched: when the first word came, what the cloud says it took, and so what the
network took.
"""

import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from google.protobuf.message import Message

from edge.link.client import Cloud, Replies, WatchingCloud, bytes_left
from edge.link.tried_twice import TriedTwice
from protos import inference_pb2 as pb
from protos.errors import CloudError, IsthmusError
from protos.limits import LEAST_KEY_BYTES

MIN_MS = 0.1  # no call is faster; a cloud whose clock says so is wrong
MessageT = TypeVar("MessageT", bound=Message)


@dataclass
class Exchange(ABC, Generic[MessageT]):
    """One message to the cloud and what comes back. Instants are of `clock`, in seconds."""

    in_pieces: ClassVar[bool] = True  # the text comes as it is made

    request: MessageT
    clock: Callable[[], float] = time.monotonic
    begun: float = 0.0
    first_reply: float | None = None  # when the first reply came
    first_is_text: bool = False  # that reply was a piece of the answer, sent before the cloud was done
    done: pb.Done | None = None
    tries: int = 1

    @property
    def ran(self) -> bool:
        """Whether the model did, for this answer: not where the cloud had given it before."""
        stages = self.done.stages if self.done else pb.Stages()
        return not stages.total or stages.tail + stages.first_token > 0

    @property
    def replied(self) -> bool:
        """Whether a reply came, by which link and cloud are known."""
        return True

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

    @abstractmethod
    def begin(self, cloud: WatchingCloud, seconds: float) -> Replies:
        """Send; `read` is to follow, in this thread or another. Raises what the client raises."""

    @abstractmethod
    def begin_keyed(
        self,
        cloud: WatchingCloud,
        seconds: float,
        silence_seconds: float | None,
        afford: Callable[[int], bool],
        *,
        last: bool = True,
    ) -> Replies:
        """As `begin`, where a reply that is lost is asked for again: where its connection breaks, or none
        comes in `silence_seconds`, if there is such a limit. `afford` counts so many bytes once more, or says
        that they may not be sent; `last`: no other cloud could be asked.
        """

    @abstractmethod
    def give_key(self) -> None:
        """Let the cloud know its tries for one; before it begins."""

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
        first = stages.decode + stages.queue + stages.tail + stages.first_token + stages.held
        worked = first if self.first_is_text else stages.total
        return max((self.first_reply - self.begun) * 1000 - (worked if worked > 0 else 0.0), MIN_MS)

    def _note(self, reply: pb.InferReply) -> None:
        if self.first_reply is None:
            self.first_reply = self.clock()
            self.first_is_text = self.in_pieces and reply.HasField("text")
        if reply.HasField("done"):
            self.done = reply.done


AnyExchange = Exchange[Any]


@dataclass
class CloudCall(Exchange[pb.InferRequest]):
    """A request, in a call of its own; tried again by its idempotency key, it runs once."""

    def begin(self, cloud: Cloud, seconds: float) -> Replies:
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
        self.begun = self.clock()

        def again() -> bool:
            affordable = afford(self.size)
            self.tries += affordable
            return affordable

        return TriedTwice(cloud, self.request, seconds, silence_seconds, again, self.clock, last=last)

    def give_key(self) -> None:
        self.request.idempotency_key = secrets.token_bytes(LEAST_KEY_BYTES)
        self.request.id = ""  # the key names it
