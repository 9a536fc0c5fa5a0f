"""Which trace a request belongs to, as W3C's `traceparent` says it: so that what a device and a cloud tell of
one request is found together, whoever collects it.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from typing_extensions import Self

HEADER = "traceparent"
_WRITTEN = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class TraceParent(NamedTuple):
    """A trace, and the span in it that others are below. Identifiers are in hexadecimal."""

    trace_id: str
    span_id: str
    sampled: bool = True

    @classmethod
    def new(cls) -> Self:
        """Of random bytes: a trace that begins here."""
        return cls(secrets.token_hex(16), secrets.token_hex(8))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """One as it was sent; None for what is none."""
        if not (found := _WRITTEN.fullmatch(text)) or text.startswith("ff"):
            return None
        trace, span, flags, more = found.groups()
        if not int(trace, 16) or not int(span, 16) or (more and text.startswith("00")):
            return None
        return cls(trace, span, bool(int(flags, 16) & 1))

    def below(self) -> Self:
        """Another span of the same trace."""
        return self._replace(span_id=secrets.token_hex(8))

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.sampled:02x}"


CURRENT: ContextVar[TraceParent | None] = ContextVar("trace parent", default=None)  # of the request under way


@contextmanager
def traced() -> Iterator[TraceParent]:
    """A request is under way, within: of the trace that is current, or of a new one."""
    above = CURRENT.get()
    parent = above.below() if above else TraceParent.new()
    token = CURRENT.set(parent)
    try:
        yield parent
    finally:
        CURRENT.reset(token)


def headers() -> tuple[tuple[str, str], ...]:
    """What a call sends of the request that is under way, if one is."""
    parent = CURRENT.get()
    return ((HEADER, str(parent)),) if parent else ()
