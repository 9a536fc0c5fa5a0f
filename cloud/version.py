"""Which version of Isthmus this is."""

import functools
import importlib.metadata


@functools.cache
def version() -> str:
    """Of Isthmus, as it is installed."""
    try:
        return importlib.metadata.version("isthmus")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
