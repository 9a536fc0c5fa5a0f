"""What a person reads where something went wrong: a line, never a traceback."""

import errno
import os
import platform
import shlex
import sys
import traceback
from collections.abc import Sequence

from protos.config import cache_folder
from protos.errors import IsthmusError
from protos.files import write_whole

BUG = 70  # exit status: EX_SOFTWARE of sysexits.h
TRACEBACK = "ISTHMUS_TRACEBACK"  # set to 1, it shows where an error came from
_MAX_TEXT = 200
_FULL = (errno.ENOSPC, errno.EDQUOT)


def failure(error: Exception, words: Sequence[str]) -> tuple[str, int]:
    """The line, and the exit status. `words` are the command's.

    The traceback of what nobody foresaw is kept in a file of the cache folder.
    """
    if os.environ.get(TRACEBACK, "0") not in ("", "0"):
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, IsthmusError):
        return str(error), error.exit_code
    if isinstance(error, OSError) and (text := _about_a_file(error)):
        return text, 1
    if isinstance(error, MemoryError):
        return "there is not enough memory for this; end other programs, or do less at once", 1
    told = " ".join(str(error).split())[:_MAX_TEXT]
    return f"this is a bug: {type(error).__name__}: {told}; {_kept(error, words)}", BUG


def _about_a_file(error: OSError) -> str:
    """What the machine has against a file; empty where it is about something else."""
    place = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes | os.PathLike) else ""
    if error.errno in _FULL:
        return f"{place or 'a file'} cannot be written: the disk is full; make room, or name another place"
    return f"{place}: {error.strerror}; check the path, and that you may use it" if place else ""


def _kept(error: Exception, words: Sequence[str]) -> str:
    """Where the traceback is."""
    said = "".join(traceback.format_exception(error))
    where = f"Python {platform.python_version()}, {platform.platform()}"
    try:
        place = cache_folder() / "traceback.txt"
        write_whole(place, f"isthmus {shlex.join(words)}\n{where}\n\n{said}")
    except (OSError, IsthmusError):
        return f"{TRACEBACK}=1 shows where it comes from"
    return f"please report it, with {place}"
