"""Disk space: checked before a split writes; a full disk ends in DiskFull."""

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from protos.errors import DiskFull

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# by libraries whose errors hold no number
_MESSAGES = (
    "No space left on device",
    "Disk quota exceeded",
    "File too large",
)


def check_disk_space(output: Path, needed: int) -> None:
    """Raises DiskFull where the disk of a folder to be made has not so many bytes free."""
    place = next(folder for folder in output.absolute().parents if folder.exists())
    free = shutil.disk_usage(place).free
    if free < needed:
        message = (
            f"{output} and what is kept while it is made need {_gigabytes(needed)}, and {place} has "
            f"{_gigabytes(free)} free"
        )
        raise DiskFull(f"{message}; free some, or give another place with -o", needed=needed, free=free)


@contextlib.contextmanager
def raising_disk_full(output: Path, kept: Path) -> Iterator[None]:
    """Let a write that failed for want of room end in DiskFull, whichever library made it; finished steps are
    in `kept`.
    """
    try:
        yield
    except Exception as error:
        if not _is_disk_full(error):
            raise
        message = (
            f"no room left on the disk while {output} was made ({error}); finished steps are kept in {kept}"
        )
        raise DiskFull(
            f"{message}: free some room and run the same command again", path=str(output)
        ) from error


def _is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or what it was raised from, is that of a full disk."""
    while error is not None:
        if getattr(error, "errno", None) in _NO_ROOM or any(message in str(error) for message in _MESSAGES):
            return True
        error = error.__cause__ or error.__context__
    return False


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
