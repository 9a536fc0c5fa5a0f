"""What the environment says: the one file of `splitter` that reads it."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Where what can be made again is kept: $ISTHMUS_CACHE, or `isthmus` in the XDG cache folder. It may not
    exist yet.
    """
    given = os.environ.get("ISTHMUS_CACHE")
    if given:
        return Path(given).expanduser()
    xdg = os.environ.get("XDG_CACHE_HOME")
    base = Path(xdg) if xdg and Path(xdg).is_absolute() else Path.home() / ".cache"
    return base / "isthmus"
