"""What a source gives: frames, one after another."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from edge.agent.sources.opening import Opening
from edge.pictures.resampling import Picture


@dataclass(frozen=True)
class Frame:
    """A picture of a source: RGB (h, w, 3) of uint8. `taken`: seconds since 1970, by the device's clock."""

    source: str
    sequence: int  # of the source since the agent began, frames that were dropped included
    taken: float
    picture: Picture


Shot = Callable[[], Picture]  # makes the picture of a frame that is wanted; raises PictureError


class OpenSource(Protocol):
    """A source that is open. Its methods may block: they run in a thread of their own."""

    def shots(self) -> Iterator[Shot]:
        """Shots as they come, each good until the next is asked for; it ends where the source does. Raises
        IsthmusError for a source that is lost: it is opened again.
        """


class SourceKind(Protocol):
    """A kind of source: its settings, and how it is opened."""

    @property
    def name(self) -> str: ...

    @property
    def live(self) -> bool:
        """Whether a frame that nobody has taken is worth nothing once there is a newer one."""

    @property
    def region(self) -> tuple[float, float, float, float] | None: ...

    def open(self, opening: Opening) -> AbstractContextManager[OpenSource]:
        """Raises IsthmusError, which says what to do."""
