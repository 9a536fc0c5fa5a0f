"""The memory of this process, as the kernel counts it."""

from pathlib import Path

from protos.errors import IsthmusError

_STATUS = Path("/proc/self/status")


def memory() -> dict[str, int]:
    """The sizes in /proc/self/status by name, such as VmRSS, in bytes. Raises IsthmusError without one."""
    try:
        lines = _STATUS.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise IsthmusError(
            f"resident memory is read from {_STATUS}, which this system has not; run it on Linux"
        ) from error
    return {
        name: int(rest.split()[0]) << 10
        for name, _, rest in (line.partition(":") for line in lines)
        if rest.endswith("kB")
    }
