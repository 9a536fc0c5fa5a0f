"""What the live page shows: the last answers, the newest frames as small pictures, in memory only."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import anyio
import anyio.to_thread

from edge.agent.http.metrics import SENT, LinksNow
from edge.agent.observing.standing_answer import StandingAnswer
from edge.pictures.thumbnail import thumbnail
from edge.requests.answer import Answer
from protos.costs.estimates import NO_LINK, LinkEstimate

_ANSWERS, _HAPPENINGS = 240, 12
_SIDE = 480  # pixels of a frame's longer side


@dataclass(frozen=True)
class LinkBelief:
    """How long an exchange of 10 kB was believed to take, in milliseconds: the middle 80%."""

    low_ms: float
    median_ms: float
    high_ms: float
    outage: str = ""


@dataclass(frozen=True)
class FeedEntry:
    """An answer. `number` counts since the agent began; `at`: seconds since 1970. `reused`: it is an earlier
    frame's; `asked`: the question was asked about this one.
    """

    number: int
    at: float
    source: str
    question: str
    text: str
    answer: Answer
    reused: bool
    asked: bool
    links: Mapping[str, LinkBelief]  # by the name of the cloud; empty of one alone

    @property
    def kind(self) -> str:
        """Of the arm that answered: local, split, upload."""
        return self.answer.route.partition(" ")[0].partition("@")[0]

    @property
    def milliseconds(self) -> float:
        return self.answer.stages.get("total", 0.0)


@dataclass(frozen=True)
class Happening:
    """Something that an operator wants to know of, as an event of a standing question."""

    at: float
    source: str
    text: str


class Feed:
    """An observer. `frames` of the newest answers have their picture."""

    def __init__(self, links: LinksNow, frames: int) -> None:
        self._links, self._frames = links, frames
        self._entries = deque[FeedEntry](maxlen=_ANSWERS)
        self._thumbnails: dict[int, bytes] = {}
        self._happenings = deque[Happening](maxlen=_HAPPENINGS)
        self._count, self._changed = 0, anyio.Event()
        self.closed = anyio.Event()
        self.version = 0  # grows with whatever comes

    async def observe(self, seen: StandingAnswer) -> None:
        """Keep an answer."""
        small = await anyio.to_thread.run_sync(thumbnail, seen.frame.picture, _SIDE) if self._frames else b""
        self._count += 1
        entry = FeedEntry(
            number=self._count,
            at=seen.frame.taken,
            source=seen.frame.source,
            question=seen.question,
            text=seen.text,
            answer=_without_link(seen.answer),
            reused=seen.reused is not None,
            asked=seen.asked,
            links=self.links,
        )
        self._entries.append(entry)
        if small:
            self._thumbnails[entry.number] = small
        self._thumbnails.pop(entry.number - self._frames, None)
        self._wake()

    def happened(self, at: float, source: str, text: str) -> None:
        """Keep an event, as a `Happening`."""
        self._happenings.append(Happening(at, source, text))
        self._wake()

    def close(self) -> None:
        """Nothing more comes: pages that follow it are to ask for the next one."""
        self.closed.set()
        self._wake()

    async def changed(self, since: int) -> None:
        """Returns once there is something newer than a version."""
        if self.version == since:
            await self._changed.wait()

    @property
    def entries(self) -> Sequence[FeedEntry]:
        """The newest first."""
        return list(reversed(self._entries))

    @property
    def happenings(self) -> Sequence[Happening]:
        """The newest first."""
        return list(reversed(self._happenings))

    @property
    def links(self) -> Mapping[str, LinkBelief]:
        """As they are believed to be now, by the name of the cloud; none where there is no cloud."""
        return {name: _belief(link) for name, link in self._links().items()}

    def entry(self, number: int) -> FeedEntry | None:
        return next((entry for entry in self._entries if entry.number == number), None)

    def picture(self, number: int) -> bytes | None:
        """The frame of an answer as a JPEG, while it is kept."""
        return self._thumbnails.get(number)

    def _wake(self) -> None:
        self.version += 1
        self._changed.set()
        self._changed = anyio.Event()


def _without_link(answer: Answer) -> Answer:
    """Without the belief that it was decided by: up to 80 kB that an estimate makes anew for every answer."""
    return replace(answer, decision=replace(answer.decision, states=NO_LINK))


def _belief(link: LinkEstimate) -> LinkBelief:
    low, median, high = (link.states.quantile_ms(SENT, part) for part in (0.1, 0.5, 0.9))
    return LinkBelief(low, median, high, link.outage)
