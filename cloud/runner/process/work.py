"""What the process is asked for by name."""

from collections.abc import Callable
from typing import Any

from cloud.runner.sequences import decode, merge, prefill, read, split
from cloud.runner.texts import embed
from cloud.runner.vision import advance

WORK: dict[str, Callable[..., Any]] = {
    work.__name__: work for work in (advance, decode, embed, merge, prefill, read, split)
}
LOAD, FORGET, FREE_BYTES, HELD = "load", "forget", "free_bytes", "held"
READY, LOG = "ready", "log"  # what it tells without being asked
DONE, REFUSED, NO_MEMORY, RAISED = "done", "refused", "no_memory", "raised"  # how it ends
UNASKED = 0  # the number of what it tells so
MAX_TRACEBACK = 20_000  # characters
