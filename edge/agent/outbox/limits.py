"""Whether an outbox takes another request. Pure.

What was accepted stays until it is answered or due; where there is no room, the newcomer is refused, and its
caller is told.
"""

from dataclasses import dataclass

from edge.agent.outbox.database import PAGE_BYTES
from protos.terminal.units import format_size

_CELL_BYTES = 4000  # that a page holds of an entry
_AROUND = 8  # pages that a commit changes beside an entry's own
_COMMITS = 3  # of an entry: it is kept, settled, and told of
_TWICE = 2  # each page goes into the log, then into the file
_MAX_WAL_BYTES = 4 << 20


@dataclass(frozen=True)
class Limits:
    """In bytes."""

    size: int
    writes_per_day: int

    @property
    def max_wal_bytes(self) -> int:
        return min(self.size // 8, _MAX_WAL_BYTES)

    @property
    def max_pages(self) -> int:
        """Of the file: the log may be as long as its bound, and by one transaction longer."""
        return (self.size - 2 * self.max_wal_bytes) // PAGE_BYTES

    @property
    def max_entry_bytes(self) -> int:
        return self.max_wal_bytes // 2


def entry_pages(size: int) -> int:
    """Pages that an entry of so many bytes takes of the file, at most."""
    return -(-size // _CELL_BYTES) + _AROUND


def no_room(size: int, used_pages: int, limits: Limits) -> str:
    """Why an entry of so many bytes does not fit; empty where it does."""
    if size > limits.max_entry_bytes:
        return f"the request has {format_size(size)}, {format_size(limits.max_entry_bytes)} at most are kept"
    # as much again stays free, for outcomes of what waits
    if used_pages + entry_pages(size) + limits.max_pages // 8 > limits.max_pages:
        return f"it is full: outbox.size is {format_size(limits.size)}"
    return ""


def worn(size: int, pages_today: int, limits: Limits) -> str:
    """Why an entry of so many bytes is not written today; empty where it is."""
    needed = _TWICE * (entry_pages(size) + (_COMMITS - 1) * _AROUND)
    if (pages_today + needed) * PAGE_BYTES > limits.writes_per_day:
        written, allowed = format_size(pages_today * PAGE_BYTES), format_size(limits.writes_per_day)
        return f"{written} were written today (UTC), and outbox.writes-per-day is {allowed}"
    return ""
