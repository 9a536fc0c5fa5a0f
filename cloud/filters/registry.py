"""The content filters that there are: those of `kinds/`, and those that an installed package brings as entry
points of the group `isthmus.content_filters`.
"""

from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from cloud.filters import kinds
from cloud.filters.content_filter import ContentFilter
from protos.errors import RequestError, UnknownName
from protos.registry import class_named, names_of

GROUP = "isthmus.content_filters"


def filter_names() -> list[str]:
    """By which they are chosen."""
    return sorted({*names_of(kinds), *entry_points(group=GROUP).names})


def open_filter(name: str, path: Path) -> ContentFilter:
    """A filter, made of its file. Raises UnknownName for none, and what its `open` raises."""
    return _class(name).open(path)


def _class(name: str) -> type[ContentFilter]:
    if name in names_of(kinds):
        return class_named(kinds, ContentFilter, name)  # type: ignore[type-abstract] # it finds concrete ones
    if not (brought := entry_points(group=GROUP, name=name)):
        raise UnknownName("content filter", name, filter_names())
    found = next(iter(brought)).load()
    if not (isinstance(found, type) and issubclass(found, ContentFilter)):
        raise RequestError(
            f"--filter: {name} is no ContentFilter (cloud/filters/content_filter.py); correct its package"
        )
    return found


def open_filters(chosen: Sequence[tuple[str, Path]]) -> list[tuple[str, ContentFilter]]:
    """Those of `--filter NAME=FILE`, in their order."""
    return [(name, open_filter(name, path)) for name, path in chosen]
