"""What the environment says to every package: where files are kept that can be made again, and what systemd
wants to be told.
"""

import os
from pathlib import Path

from protos.errors import RequestError


def cache_folder() -> Path:
    """$ISTHMUS_CACHE, or `isthmus` in the XDG cache folder. It may not exist yet."""
    chosen = os.environ.get("ISTHMUS_CACHE")
    if chosen:
        return expanded(chosen)
    xdg = os.environ.get("XDG_CACHE_HOME")
    base = Path(xdg) if xdg and Path(xdg).is_absolute() else expanded("~/.cache")
    return base / "isthmus"


def named_bundle() -> Path | None:
    """The bundle that $ISTHMUS_BUNDLE names for commands that are given none; it may not exist."""
    chosen = os.environ.get("ISTHMUS_BUNDLE")
    return expanded(chosen) if chosen else None


def built_in_bundle() -> Path:
    """Where the built-in model's bundle is kept once it was split. It may not exist yet."""
    return cache_folder() / "bundles" / "nano"


def expanded(path: str) -> Path:
    """A path, `~` in front of it being the home folder. Raises RequestError where that is not known."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        message = (
            f"{path} is in a home folder, and there is none: $HOME is not set, and this user has no entry"
        )
        raise RequestError(
            f"{message}; set $ISTHMUS_CACHE to a folder, and give paths without `~`", path=path
        ) from error


def notify_socket() -> str:
    """Where systemd wants to be told how a service is: $NOTIFY_SOCKET; empty without systemd."""
    return os.environ.get("NOTIFY_SOCKET", "")


def watchdog_seconds() -> float | None:
    """How often systemd's watchdog wants a sign of life from this process; None where it wants none."""
    microseconds, process = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not microseconds.isdecimal() or (process and process != str(os.getpid())):
        return None
    return int(microseconds) / 1e6 or None


def wait_quietly() -> None:
    """Call before torch is imported: have its threads sleep, not spin, while they wait for one another.

    Spinning threads burn the core that the one they wait for needs, or that others work on; on a busy machine
    that made a split five times slower. Without this GNU's OpenMP lets them spin while it has no more threads
    than there are cores: as long as one thread computes, and not once another has loaded the model.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
