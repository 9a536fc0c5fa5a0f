"""A process that ends when the one that started it does, even by SIGKILL."""

import os
import threading
import time

_POLL_SECONDS = 0.25


def end_with(parent: int) -> None:
    """Watch the process that started this one, in a thread, and end this one when that has ended."""
    threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:  # one that died hands its children to another process
        time.sleep(_POLL_SECONDS)
    os._exit(1)
