"""What a device installs: packages by name, and what they take on disk here."""

from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# What `tokenizers` downloads from a hub with, and what `rich` colours source code and Markdown with.
_NEVER_IMPORTED = {"huggingface-hub", "pygments", "markdown-it-py"}
_OLDEST = {"python_version": "3.10", "python_full_version": "3.10.0"}


def closure(lines: Iterable[str]) -> set[str]:
    """Names of all that these requirements need, on this Python or on the oldest, but for what a device never
    imports.
    """
    found: set[str] = set()
    todo = list(_names(lines))
    while todo:
        name = todo.pop()
        if name not in found and name not in _NEVER_IMPORTED:
            found.add(name)
            todo += _names(_requires(name))
    return found


def installed_bytes() -> dict[str, int]:
    """What each package of a device takes on disk, those of Isthmus' own code not among them."""
    needed = [line for line in _requires("isthmus") if _of_device(line)]
    sizes = {name: _size(name) for name in closure(needed)}
    return {name: size for name, size in sizes.items() if size}


def _of_device(line: str) -> bool:
    marker = Requirement(line).marker
    return marker is None or marker.evaluate({"extra": "edge"})


def _size(name: str) -> int:
    """0 for what only an older Python needs: it is not here."""
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        return 0
    places = (Path(str(file.locate())) for file in files)
    return sum(place.stat().st_size for place in places if place.is_file())


def _names(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        need = Requirement(line)
        if need.marker is None or any(need.marker.evaluate(one) for one in _environments()):
            yield canonicalize_name(need.name)


def _environments() -> list[dict[str, str]]:
    here = {"extra": "edge"} | {key: str(value) for key, value in default_environment().items()}
    return [here, here | _OLDEST]


def _requires(name: str) -> list[str]:
    """Nothing is known of what only an older Python needs: it is not here."""
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []
