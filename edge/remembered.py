"""What a process has learned, kept in a file for the next one."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from protos.files import write_whole

_MAX_FILE_BYTES = 1 << 20
# what reading a file raises that `remember` has not written
_NOT_OURS = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)

log = logging.getLogger(__name__)


def remember(path: Path | None, state: dict[str, Any], what: str, wall: float) -> None:
    """Keep a state, where there is a place. `wall` is the time of day in seconds: unlike a monotonic clock it
    means the same to the next process. A place that cannot be written to is a warning about `what`.
    """
    if path is None:
        return
    try:
        write_whole(path, json.dumps({"saved_at": wall, **state}))
    except OSError as error:
        log.warning("what was learned of %s is not remembered in %s (%s)", what, path, error.strerror)


def recall(
    path: Path | None, restore: Callable[[dict[str, Any], float], None], what: str, wall: float
) -> None:
    """Hand what `remember` wrote to `restore`, with its age in seconds. A file that cannot be used is ignored
    with a warning about `what`.
    """
    if path is None:
        return
    try:
        with path.open("rb") as stream:
            state = json.loads(stream.read(_MAX_FILE_BYTES))
        restore(state, max(wall - float(state["saved_at"]), 0.0))
    except FileNotFoundError:
        return
    except (OSError, *_NOT_OURS) as error:
        log.warning(
            "what was remembered of %s in %s is ignored (%s: %s)", what, path, type(error).__name__, error
        )
