"""How much memory a model takes, and whether there is as much."""

from contextlib import suppress
from pathlib import Path

import psutil
import torch

from protos.errors import BundleError
from protos.terminal.units import format_size

# What loading and warming take beside the weights, as a part of them. Measured at the peak (RssAnon, photo
# captioner, 100 MB of FP32 weights): 10% in FP32, 4% in BF16.
OVERHEAD = 0.2

_CONTROL_GROUPS, _OWN_GROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


class MemoryBudget:
    """What loaded models may take."""

    def __init__(self, limit: int = 0) -> None:
        """`limit`: bytes of all models' weights together; 0: what the machine has."""
        self._limit = limit

    def left(self, free: int, held: int) -> int:
        """Bytes that a further model may take, of `free` ones, where models of `held` bytes are loaded."""
        return min(free, max(0, self._limit - held)) if self._limit else free

    def check(self, name: str, weights: int, device: torch.device, held: int) -> None:
        """Raises BundleError, with the figures, where a model of so many bytes finds no room."""
        needed, free = round(weights * (1 + OVERHEAD)), self.left(free_bytes(device), held)
        if needed <= free:
            return
        limit = f" within --memory-limit {format_size(self._limit)}" if self._limit else ""
        raise BundleError(
            f"{name} needs {format_size(needed)} on {device.type} ({format_size(weights)} of weights and "
            f"{OVERHEAD:.0%} to load them), and {format_size(free)} are free{limit}: unload another bundle "
            f"first (all loaded ones have {format_size(held)} of weights), or give --dtype bfloat16 or a "
            "larger machine",
            needed=needed,
            free=free,
        )


def free_bytes(device: torch.device) -> int:
    """Bytes of a device's memory that can be taken, by this process's control group too."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return min([int(psutil.virtual_memory().available), *_of_control_group()])


def _of_control_group() -> list[int]:
    """What is left of the limit that a container or a systemd unit has, if it has one; what can be dropped of
    cached files is free.
    """
    with suppress(OSError, ValueError):
        own = _OWN_GROUP.read_text().partition("0::/")[2].strip()
        folder = _CONTROL_GROUPS / own
        limit, used = (int((folder / name).read_text()) for name in ("memory.max", "memory.current"))
        facts = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return [max(0, limit - used + int(facts.get("inactive_file", 0)))]
    return []
