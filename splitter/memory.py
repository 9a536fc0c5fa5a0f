"""Memory that a finished step held, given back to the system."""

import ctypes
import gc
import os
import sys
from pathlib import Path

# bytes resident; below that, looking for what could be given back costs more time than it saves memory
_WORTH_IT = 3 << 29
_STATE = Path("/proc/self/statm")


def trim_memory() -> None:
    """Where a process has grown large, collect cycles, and on Linux let the C library return what is free
    inside its heap.
    """
    if _resident() < _WORTH_IT:
        return
    gc.collect()
    if sys.platform == "linux":
        # glibc's; other C libraries return memory themselves
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim:
            trim(0)


def _resident() -> int:
    """Bytes of this process in memory; where the system does not tell, more than anything."""
    if not _STATE.exists():
        return sys.maxsize
    return int(_STATE.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
