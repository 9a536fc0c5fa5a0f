"""What the scheduler reads of a job."""

from typing import NamedTuple, Protocol, TypeVar

from cloud.sharing.caller import Caller


class Place(NamedTuple):
    """Where a job stands in a model: which job was sent there and which came there does not matter. Only jobs
    of one place are encoded together, as far as the next cut.
    """

    bundle: str
    left: int | None  # how many segments, from one cut to the next, until image tokens; None: no picture


class Schedulable(Protocol):
    """What the scheduler reads of a job."""

    @property
    def place(self) -> Place: ...

    @property
    def caller(self) -> Caller: ...

    @property
    def deadline(self) -> float: ...

    @property
    def tiles(self) -> int:
        """Of its picture."""

    @property
    def boundary_bytes(self) -> int:
        """What its picture takes where it stands."""

    @property
    def held_seconds(self) -> float:
        """How long it has waited for company."""

    @property
    def prompt_tokens(self) -> int:
        """How many tokens are prefilled; 0 for a job that needs no decoder."""

    @property
    def indivisible_tokens(self) -> int:
        """How many of them are prefilled in one step at least."""

    @property
    def sliced(self) -> bool:
        """Whether some of the prompt was read in a step before."""

    @property
    def resumes(self) -> bool:
        """Whether the beginning of the prompt was prefilled for another question."""

    @property
    def tokens_left(self) -> int:
        """How many its answer may still have."""

    @property
    def finished(self) -> bool:
        """Whether its answer is complete, or failed."""

    @property
    def aborted(self) -> bool:
        """Whether the caller has cancelled or does not read, or the deadline has passed."""


SchedulableT = TypeVar("SchedulableT", bound=Schedulable)
