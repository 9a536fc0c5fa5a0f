"""Events: which answers to a standing question matter, to whom, and where they are kept."""

from pathlib import Path
from typing import Annotated

import msgspec
import re2
from msgspec import Meta

from edge.agent.settings.names import Name
from edge.agent.settings.quantities import Bytes, Milliseconds, Percent, Section
from protos.errors import RequestError

_Text = Annotated[str, Meta(min_length=1, max_length=256)]


class EventSettings(Section, frozen=True):
    """`[[source.question.event]]`. It begins once all conditions that are given have held `for` so long, and
    ends when one does not. `changed` stands alone: another answer than before, which has no end.

    `equals` and `contains` take no notice of case and punctuation; `matches` is an RE2 expression, found
    anywhere, whatever the case; `above` and `below` are of the first number in the answer; `probability` is
    that of a dual encoder's label.
    """

    name: Name
    equals: _Text | tuple[_Text, ...] = ()
    contains: _Text | tuple[_Text, ...] = ()
    matches: Annotated[str, Meta(max_length=1024)] = ""
    above: float | None = None
    below: float | None = None
    probability: Percent | None = None  # at least
    changed: bool = False
    hold: Milliseconds = msgspec.field(name="for", default=Milliseconds(0))
    cooldown: Milliseconds = Milliseconds(0)  # from the end of one to the beginning of the next, at least
    sinks: tuple[Name, ...] | None = None  # None: all

    def check(self) -> None:
        """Raises RequestError for conditions that are none, or do not go together."""
        given = (self.equals, self.contains, self.matches)
        numbers = (self.above, self.below, self.probability)
        holds = any(given) or any(number is not None for number in numbers)
        if holds == self.changed:
            raise RequestError(
                f"event {self.name!r}: give a condition (equals, contains, matches, above, below, "
                "probability), or changed = true alone"
            )
        if not all(any(map(str.isalnum, text)) for text in (*self.equal_to, *self.containing)):
            raise RequestError(f"event {self.name!r}: a text with nothing but punctuation equals no answer")
        if self.matches:
            self.expression()

    @property
    def equal_to(self) -> tuple[str, ...]:
        return _texts(self.equals)

    @property
    def containing(self) -> tuple[str, ...]:
        return _texts(self.contains)

    def expression(self) -> "re2.Pattern":
        """`matches`, compiled: RE2 takes linear time, whatever the expression. Raises RequestError."""
        options = re2.Options()
        options.case_sensitive, options.log_errors = False, False
        try:
            return re2.compile(self.matches, options)
        except re2.error as error:
            reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
            raise RequestError(
                f"event {self.name!r}: matches = {self.matches!r} is no RE2 expression: {reason}; "
                "look-around and back-references are none of it"
            ) from error


class EventLogSettings(Section, frozen=True):
    """`[event-log]`: events kept on the device, and delivered from there, so that none is lost to a restart
    or a sink that is away. The oldest go when they are older than `keep`, or the files larger than
    `max-bytes`.
    """

    path: Path
    keep: Milliseconds = Milliseconds(30 * 24 * 3.6e6)
    max_bytes: Bytes = Bytes(200_000_000)
    # of the frame's longer side, in pixels, as JPEG; 0: none. It never leaves the device.
    thumbnail: Annotated[int, Meta(ge=0, le=1024)] = 0


def _texts(given: str | tuple[str, ...]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else given
