"""The processor time of processes, as the kernel counts it."""

import os
from contextlib import suppress
from pathlib import Path

from bench.rig.process_memory import children

_TICKS = os.sysconf("SC_CLK_TCK")
_TIMES = slice(11, 15)  # of /proc/PROCESS/stat behind the name: its own, and that of those it has waited for


def cpu_seconds(process: int) -> float:
    """That a process and those below it have used so far. What one that ends in the middle used is its
    parent's, once that has waited for it.
    """
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    seconds = sum(map(int, fields[_TIMES])) / _TICKS
    for child in children(process):
        with suppress(OSError):
            seconds += cpu_seconds(child)
    return seconds
