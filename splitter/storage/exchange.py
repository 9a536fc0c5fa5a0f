"""Two folders swap their names."""

import ctypes
import os
import sys
import tempfile
from pathlib import Path

_HERE, _EXCHANGE = -100, 2  # AT_FDCWD, RENAME_EXCHANGE


def exchange(one: Path, other: Path) -> None:
    """In one step where the system can, so that whoever looks finds one or the other; else in three, undone
    where the second fails. Both are on one disk. Raises OSError.
    """
    if _at_once(one, other):
        return
    with tempfile.TemporaryDirectory(prefix=f".{other.name}.", dir=other.parent) as free:
        aside = Path(free) / other.name
        other.rename(aside)
        try:
            one.rename(other)
        except OSError:
            aside.rename(other)
            raise
        aside.rename(one)


def _at_once(one: Path, other: Path) -> bool:
    library = ctypes.CDLL(None)
    if sys.platform != "linux" or not hasattr(library, "renameat2"):
        return False
    paths = os.fsencode(one), os.fsencode(other)
    status = library.renameat2(_HERE, paths[0], _HERE, paths[1], _EXCHANGE)
    return bool(status == 0)  # not every file system does it
