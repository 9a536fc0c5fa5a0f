"""The memory of processes, as the kernel counts it."""

from contextlib import suppress
from pathlib import Path

from protos.errors import IsthmusError

_PROC = Path("/proc")


def memory(process: int | str = "self") -> dict[str, int]:
    """The sizes in /proc/PROCESS/status by name, such as VmRSS, in bytes. Raises IsthmusError without one."""
    status = _PROC / str(process) / "status"
    try:
        lines = status.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise IsthmusError(
            f"resident memory is read from {status}, which this system has not; run it on Linux"
        ) from error
    return {
        name: int(rest.split()[0]) << 10
        for name, _, rest in (line.partition(":") for line in lines)
        if rest.endswith("kB")
    }


def resident(process: int) -> int:
    """Bytes that a process and those below it hold; pages that several share count for each. 0 for one that
    has ended.
    """
    with suppress(IsthmusError, OSError):
        return memory(process).get("VmRSS", 0) + sum(map(resident, children(process)))
    return 0


def children(process: int) -> list[int]:
    """The processes that a process started and that still run."""
    found = list[int]()
    for threads in (_PROC / str(process) / "task").glob("*/children"):
        with suppress(OSError):  # a thread that has ended since
            found += map(int, threads.read_text(encoding="ascii").split())
    return found
