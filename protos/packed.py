"""A packed bundle, opened as a folder is: unpacked once, into the cache, where the next process finds it."""

import contextlib
import errno
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path

from protos.archive import ENDINGS, UNFINISHED, packed_digest, unpack
from protos.bundle import Bundle
from protos.config import cache_folder
from protos.errors import BundleError, DiskFull

_LOCK = ".lock"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def bundle_at(place: Path) -> Bundle:
    """The bundle in a folder, or in an archive that `isthmus bundle pack` wrote. Raises BundleError, and
    RequestError as `Bundle.open`, or where there is no cache folder for an archive.
    """
    packed = place.name.endswith(ENDINGS) and place.is_file()
    return _open_packed(place) if packed else Bundle.open(place)


def unpack_anew(archive: Path, place: Path, *, digest: str, max_bytes: int | None = None) -> Bundle:
    """Make the folder `place` of an archive, whole or not at all, instead of what is there. Raises as
    `unpack`, and DiskFull or BundleError where it cannot be written.
    """
    try:
        shutil.rmtree(place, ignore_errors=True)
        return unpack(archive, place, digest=digest, max_bytes=max_bytes)
    except OSError as error:
        raise _unwritable(place.parent, error) from error


def _open_packed(archive: Path) -> Bundle:
    """A device's part and the whole bundle have one digest, and archives of different sizes."""
    digest = packed_digest(archive)
    place = cache_folder() / "unpacked" / f"{digest}-{archive.stat().st_size}"
    if found := _whole(place, digest):
        return found
    with _alone(place.parent):
        return _whole(place, digest) or unpack_anew(archive, place, digest=digest)


def _whole(place: Path, digest: str) -> Bundle | None:
    """What was unpacked there, unless somebody has removed some of it since."""
    try:
        found = Bundle.open(place)
    except BundleError:
        return None
    needed = found.edge_files() if found.edge_only else found.manifest.files
    there = all((place / entry.path).is_file() for entry in needed)
    return found if there and found.digest == digest else None


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process unpacks at a time, and first removes what others left that were killed at it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK).open("ab")
    except OSError as error:
        raise _unwritable(folder, error) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in folder.glob(f"{UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def _unwritable(folder: Path, error: OSError) -> BundleError:
    kind = DiskFull if error.errno in _FULL else BundleError
    return kind(
        f"{folder} cannot be written to ({error.strerror}); free its disk, or set $ISTHMUS_CACHE to another"
    )
