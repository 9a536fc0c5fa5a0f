"""What a device installs beside its wheel: every package by its version, and none that it never imports."""

from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.device.wheel import device_needs, read_project

# What `tokenizers` downloads from a hub with, and what `rich` colours source code and Markdown with.
_NEVER_IMPORTED = {"huggingface-hub", "pygments", "markdown-it-py"}
_OLDEST = {"python_version": "3.10", "python_full_version": "3.10.0"}
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
    needed = _closure(device_needs(read_project(root)))
    lines = [line for line in constraints.read_text().splitlines() if line and not line.startswith("#")]
    pinned = {canonicalize_name(line.partition("==")[0]) for line in lines}
    if missing := needed - pinned:
        raise ValueError(f"{constraints} does not pin {', '.join(sorted(missing))}; add them")
    kept = [line for line in lines if canonicalize_name(line.partition("==")[0]) in needed]
    return _HEAD + "\n".join(kept) + "\n"


def _closure(lines: Iterable[str]) -> set[str]:
    """Names of all that these requirements need, on this Python or on the oldest."""
    found: set[str] = set()
    todo = list(_names(lines))
    while todo:
        name = todo.pop()
        if name not in found and name not in _NEVER_IMPORTED:
            found.add(name)
            todo += _names(_requires(name))
    return found


def _names(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        need = Requirement(line)
        if need.marker is None or any(need.marker.evaluate(one) for one in _environments()):
            yield canonicalize_name(need.name)


def _environments() -> list[dict[str, str]]:
    here = {"extra": ""} | {key: str(value) for key, value in default_environment().items()}
    return [here, here | _OLDEST]


def _requires(name: str) -> list[str]:
    """Nothing is known of what only an older Python needs: it is not here."""
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []
