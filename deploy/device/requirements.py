"""What a device installs beside its wheel: every package by its version, and none that it never imports."""

from pathlib import Path

from packaging.utils import canonicalize_name

from bench.edge.installed import closure
from deploy.device.wheel import device_needs, read_project

_HEAD = """\
# What a device needs beside its wheel: pip install --no-deps -r requirements.txt isthmus_edge-*.whl
# Without --no-deps it is the same and 40 MB more, of what a device never imports.
"""


def requirements(root: Path, constraints: Path) -> str:
    """The lines of constraints.txt that a device needs of the project at `root`, those of older Pythons among
    them.

    To be run where the `edge` extra is installed. Raises ValueError for a package that constraints.txt does
    not pin.
    """
    needed = closure(device_needs(read_project(root)))
    lines = [line for line in constraints.read_text().splitlines() if line and not line.startswith("#")]
    pinned = {canonicalize_name(line.partition("==")[0]) for line in lines}
    if missing := needed - pinned:
        raise ValueError(f"{constraints} does not pin {', '.join(sorted(missing))}; add them")
    kept = [line for line in lines if canonicalize_name(line.partition("==")[0]) in needed]
    return _HEAD + "\n".join(kept) + "\n"
