"""A log of events read by somebody else than the agent, which may be writing to it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from edge.agent.events.event import Event
from edge.agent.events.log.event_log import check_format
from protos.errors import RequestError


class LoggedEvent(NamedTuple):
    """`waiting`: the sinks that have not taken it."""

    event: Event
    waiting: list[str]
    thumbnail: bool


def read_events(path: Path, since: float) -> list[LoggedEvent]:
    """Events that are not older than this instant, in seconds since 1970, in the order in which they came.
    Raises RequestError.
    """
    with _reading(path) as file:
        rows = file.execute(
            "SELECT body, group_concat(sink), thumbnail IS NOT NULL FROM event LEFT JOIN waiting USING (row) "
            "WHERE at >= ? GROUP BY row ORDER BY row",
            (since,),
        )
        return [
            LoggedEvent(Event.parse(body), sorted(sinks.split(",")) if sinks else [], bool(pictured))
            for body, sinks, pictured in rows
        ]


def read_thumbnail(path: Path, event: str) -> bytes:
    """The JPEG of the frame that an event began with. Raises RequestError where there is none."""
    with _reading(path) as file:
        found = file.execute(
            "SELECT thumbnail FROM event WHERE id = ? AND thumbnail IS NOT NULL ORDER BY row", (event,)
        ).fetchone()
    if not found:
        raise RequestError(
            f"{path} has no thumbnail of an event {event!r}; isthmus edge events --json lists those that "
            "have one, which they do where [event-log] has thumbnail = PIXELS"
        )
    return bytes(found[0])


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise RequestError(f"there is no log of events {path}; give the path of [event-log]", path=str(path))
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=10)) as file:
            check_format(file, path)
            yield file
    except sqlite3.Error as error:
        raise RequestError(
            f"{path} cannot be read ({error}); give the path of [event-log]", path=str(path)
        ) from error
