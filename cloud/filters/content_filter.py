"""What a content filter is: two methods, and how it is made of a file.

It belongs to the event loop, as all callers' requests do: what takes longer than a millisecond is awaited,
such as an HTTP call to another service, or done by `asyncio.to_thread`. It logs nothing of what it sees.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self


class AskedContent(NamedTuple):
    """What a caller asks, as it came: nothing is decoded yet, and nothing checked."""

    texts: Sequence[str]  # the question, or the texts to be embedded; labels
    picture: bytes = b""  # an encoded file; empty where features came, or a frame that was sent before


class AnswerSoFar(NamedTuple):
    """The answer to one caller, while it is made."""

    text: str  # from its first character on
    sent: int  # characters of it that have left
    ended: bool  # nothing follows


class FilterVerdict(NamedTuple):
    """What a filter says."""

    refused: bool = False
    held: int = 0  # of an answer that goes on: characters at its end that wait for what follows


PASSED, REFUSED = FilterVerdict(), FilterVerdict(refused=True)


class ContentFilter(ABC):
    """One of these is used for all callers. Where it raises, a request fails and an answer ends."""

    @classmethod
    @abstractmethod
    def open(cls, path: Path) -> Self:
        """Made of the FILE of `--filter NAME=FILE`. Raises RequestError, with the remedy, for one that is
        none.
        """

    @abstractmethod
    async def before(self, asked: AskedContent) -> FilterVerdict:
        """Before a request costs anything; of a stream of frames once, about its question."""

    @abstractmethod
    async def after(self, answer: AnswerSoFar) -> FilterVerdict:
        """Each time that an answer has grown, and when it has ended. What is held leaves with a later
        verdict, or never.
        """
