"""Pictures that applications push."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from msgspec import Meta

from edge.agent.sources.frame import Shot
from edge.agent.sources.opening import Inbox, Opening
from edge.agent.sources.source import SourceSettings


class PushSource(SourceSettings, frozen=True, tag="push", kw_only=True):
    """`kind = "push"`. Each picture is asked about, in order; `queue` of them may wait, more are refused."""

    queue: Annotated[int, Meta(ge=1, le=1024)] = 8

    @property
    def live(self) -> bool:
        return False

    @contextmanager
    def open(self, opening: Opening) -> Iterator["_Pushed"]:
        yield _Pushed(opening.inboxes.open(self.name, self.queue), opening)


class _Pushed:
    def __init__(self, inbox: Inbox, opening: Opening) -> None:
        self._inbox, self._opening = inbox, opening

    def shots(self) -> Iterator[Shot]:
        while self._inbox.waits(self._opening.closing):
            yield self._inbox.take  # one that is not wanted stays, for when the source is opened again
