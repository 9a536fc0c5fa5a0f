"""What this device's environment says: the one file of `edge` that reads it."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Where what can be made again is kept: $ISTHMUS_CACHE, or `isthmus` in the XDG cache folder. It may not exist yet."""
    chosen = os.environ.get("ISTHMUS_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    xdg = os.environ.get("XDG_CACHE_HOME")
    base = Path(xdg) if xdg and Path(xdg).is_absolute() else Path.home() / ".cache"
    return base / "isthmus"


def profile_file(digest: str) -> Path:
    """Where this device's profile of a bundle is kept."""
    return cache_folder() / f"profile-{digest[:12]}.json"


def bundle_folder() -> Path:
    """The bundle used where none is named: $ISTHMUS_BUNDLE, or the built-in model's in the cache folder. It may not exist yet."""
    chosen = os.environ.get("ISTHMUS_BUNDLE")
    return Path(chosen).expanduser() if chosen else cache_folder() / "bundles" / "nano"
