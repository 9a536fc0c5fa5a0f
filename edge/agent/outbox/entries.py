"""What an outbox holds: requests that wait, and what became of them."""

from typing import Any, NamedTuple

import msgspec

from edge.agent.observing.deferral import Subject
from protos import inference_pb2 as pb
from protos.arms.rules import Rules

WAITING, ANSWERED, DROPPED = "waiting", "answered", "dropped"


class Note(msgspec.Struct, frozen=True):
    """What is to be known of a request beside its bytes. `arm`: the fields of the arm that made it."""

    subject: Subject
    rules: Rules
    kept: float  # seconds since 1970
    due: float
    arm_kind: str
    arm: dict[str, Any]


class Entry(msgspec.Struct, frozen=True):
    """A request that waits, as it is sent in every try: its key is in it."""

    key: bytes
    bundle: str
    note: Note
    request: bytes

    @property
    def id(self) -> str:
        return self.key.hex()


class Outcome(msgspec.Struct, frozen=True):
    """What became of a request: an answer, or the reason why there is none."""

    key: bytes
    note: Note
    text: str = ""
    done: bytes = b""  # pb.Done
    dropped: str = ""
    request_bytes: int = 0

    @property
    def id(self) -> str:
        return self.key.hex()

    @property
    def end(self) -> pb.Done:
        """The last event of the cloud's answer."""
        return pb.Done.FromString(self.done)


class DeferredState(msgspec.Struct, frozen=True):
    """How far a deferred question is: `waiting`, `answered`, or `dropped`. `outcome`: of one that waits no
    more.
    """

    id: str
    state: str
    due: float  # seconds since 1970
    outcome: Outcome | None = None

    @property
    def text(self) -> str:
        """The answer."""
        return self.outcome.text if self.outcome else ""

    @property
    def reason(self) -> str:
        """Why it was dropped."""
        return self.outcome.dropped if self.outcome else ""


class OutboxBacklog(NamedTuple):
    """What an outbox holds. `bytes`: of its file, on disk."""

    waiting: int
    oldest_seconds: float
    bytes: int
