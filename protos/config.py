"""What the environment says to every package: where files are kept that can be made again."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """$ISTHMUS_CACHE, or `isthmus` in the XDG cache folder. It may not exist yet."""
    chosen = os.environ.get("ISTHMUS_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    xdg = os.environ.get("XDG_CACHE_HOME")
    base = Path(xdg) if xdg and Path(xdg).is_absolute() else Path.home() / ".cache"
    return base / "isthmus"
