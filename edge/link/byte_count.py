"""What this device has sent today, kept in a file that all its processes share.

Days are of UTC, by the machine's clock, and each has its own count: a clock that is set back finds what was
sent on that day, and one that was wrong for a while takes nothing from the right day. Bytes are counted
before they leave, so that no crash forgets them, and given back where they did not.
"""

import fcntl
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from protos.errors import RequestError, TooLarge
from protos.files import write_whole
from protos.terminal.units import format_size

_MAX_DAYS = 32
_MAX_FILE_BYTES = 1 << 16

_log = logging.getLogger(__name__)
_Days = dict[str, int]


class ByteCount:
    """`path` is None where there is no place for it; `wall` gives the time of day in seconds."""

    def __init__(self, path: Path | None, wall: Callable[[], float]) -> None:
        self._path, self._wall = path, wall

    def today(self, limit: int | None) -> int:
        """Bytes. Raises RequestError where there is a limit, and what was sent is not known."""
        return self._days(limit).get(self._day(), 0)

    def reserve(self, size: int, limit: int | None) -> None:
        """Count a request that is about to be sent. Raises TooLarge where the day's limit would be passed,
        RequestError where there is one that cannot be held.
        """
        with self._locked(limit):
            days, day = self._days(limit), self._day()
            left = None if limit is None else limit - days.get(day, 0)
            if left is not None and size > left:
                raise TooLarge(
                    f"the request has {format_size(size)}, {format_size(max(left, 0))} of the day's bytes "
                    "are left; allow more with --bytes-per-day, or wait for the next day (UTC)",
                    bytes=size,
                )
            self._keep(days, day, size, limit)

    def give_back(self, size: int) -> None:
        """Bytes that were counted did not leave."""
        with self._locked(None):
            self._keep(self._days(None), self._day(), -size, None)

    def _day(self) -> str:
        return datetime.fromtimestamp(self._wall(), timezone.utc).date().isoformat()

    def _days(self, limit: int | None) -> _Days:
        try:
            if self._path is None:
                raise OSError("there is no cache folder")
            with self._path.open("rb") as stream:
                days = json.loads(stream.read(_MAX_FILE_BYTES))["days"]
            return {str(day): max(int(count), 0) for day, count in days.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            self._unknown(error, limit)
            return {}

    def _keep(self, days: _Days, day: str, size: int, limit: int | None) -> None:
        """Add, the day that changed last in the last place; the oldest of many are dropped."""
        count = max(days.pop(day, 0) + size, 0)
        kept = dict([*days.items(), (day, count)][-_MAX_DAYS:])
        try:
            if self._path is not None:
                write_whole(self._path, json.dumps({"days": kept}))
        except OSError as error:
            self._unknown(error, limit)

    def _unknown(self, error: Exception, limit: int | None) -> None:
        words = f"what this device sent today is not known: {self._path or error} ({error})"
        if limit is not None:
            raise RequestError(
                f"{words}; remove the file to begin at 0, set $ISTHMUS_CACHE to a folder that can be written "
                "to, or leave --bytes-per-day out"
            ) from error
        _log.debug(words)

    @contextmanager
    def _locked(self, limit: int | None) -> Iterator[None]:
        """One process at a time."""
        if self._path is None:
            yield
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            stream = self._path.with_suffix(".lock").open("wb")
        except OSError as error:
            self._unknown(error, limit)
            yield
            return
        with stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield
