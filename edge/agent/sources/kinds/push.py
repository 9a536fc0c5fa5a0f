"""Pictures that applications push."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from msgspec import Meta

from edge.agent.sources.frame import Shot
from edge.agent.sources.opening import Inbox, Opening
from edge.agent.sources.source import SourceSettings
from edge.pictures.resampling import Picture


class PushSource(SourceSettings, frozen=True, tag="push", kw_only=True):
    """`kind = "push"`. Each picture is asked about, in order; `queue` of them may wait, more are refused."""

    queue: Annotated[int, Meta(ge=1, le=1024)] = 8

    @property
    def live(self) -> bool:
        return False

    @contextmanager
    def open(self, opening: Opening) -> Iterator["_Pushed"]:
        inbox = opening.inboxes.open(self.name, self.queue)
        try:
            yield _Pushed(inbox, opening)
        finally:
            opening.inboxes.close(self.name)


class _Pushed:
    def __init__(self, inbox: Inbox, opening: Opening) -> None:
        self._inbox, self._opening = inbox, opening

    def shots(self) -> Iterator[Shot]:
        while (picture := self._inbox.next(self._opening.closing)) is not None:
            yield _Given(picture)


class _Given:
    def __init__(self, picture: Picture) -> None:
        self._picture = picture

    def __call__(self) -> Picture:
        return self._picture
