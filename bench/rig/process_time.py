"""The processor time of processes, as the kernel counts it."""

import os
from pathlib import Path

from bench.rig.process_memory import children

_TICKS = os.sysconf("SC_CLK_TCK")
_TIMES = slice(11, 15)  # of /proc/PROCESS/stat behind the name: its own, and that of those it has waited for


def cpu_seconds(process: int) -> float:
    """That a process and those below it have used so far."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[_TIMES])) / _TICKS + sum(map(cpu_seconds, children(process)))
