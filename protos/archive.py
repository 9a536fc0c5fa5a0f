"""An archive of a bundle, as `isthmus bundle pack` writes it: a tar of one folder, manifest.json first;
Zstandard compresses it where its name says so.
"""

import contextlib
import hashlib
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from typing_extensions import Self

from protos import mistaken
from protos.bundle import BESIDE, MANIFEST, MAX_MANIFEST_BYTES, Bundle
from protos.compression import zstd
from protos.errors import BundleDamaged, BundleMissing, DiskFull, RequestError
from protos.measurements import MEASUREMENTS
from protos.report import MAX_REPORT_BYTES

ENDINGS = mistaken.PACKED
UNFINISHED = ".packing-"  # how the name begins of what is not whole yet
_CHUNK = 1 << 20
_MAX_HEADER = 1 << 16

ByteStream = IO[bytes] | zstd.ZstdFile


def unpack(archive: Path, output: Path, *, digest: str = "", max_bytes: int | None = None) -> Bundle:
    """Make a folder of an archive, whole or not at all. Nothing in it is believed: it gives the files that
    its manifest names, with their digests, and what was measured of that bundle; it is refused for anything
    else. Where the manifest, which comes first, is not that of the bundle `digest`, nothing else is read; no
    file is written that makes it more than `max_bytes`, or that the disk has no room for.

    Raises RequestError for a place that is taken, and BundleError.
    """
    check_free(output)
    with aside(output) as place:
        place.mkdir()
        with _reading(archive) as members:
            _Unpacking(archive, place, digest, max_bytes).extract(members)
        _check_whole(archive, Bundle.open(place))
    return Bundle.open(output)


def packed_digest(archive: Path) -> str:
    """That of the bundle which an archive holds; only its beginning is read. Raises BundleError."""
    with _reading(archive) as members:
        first = next(iter(members), None)
        content = members.extractfile(first) if first and _is_manifest(first) else None
        if content is None:
            raise _refused(archive, f"it does not begin with {MANIFEST}")
        return hashlib.sha256(content.read()).hexdigest()


@contextlib.contextmanager
def aside(output: Path) -> Iterator[Path]:
    """A place beside the output with the same ending; it gets the output's name when all went well."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=output.parent) as folder:
        place = Path(folder) / output.name
        yield place
        place.rename(output)


def check_free(output: Path) -> None:
    """Raises RequestError for a place that is taken."""
    if output.exists():
        raise RequestError(f"{output} is there already; name another place with -o", path=str(output))


class _Unpacking:
    """Of one archive into a folder."""

    def __init__(self, archive: Path, place: Path, digest: str, max_bytes: int | None) -> None:
        self._archive, self._place, self._digest = archive, place, digest
        self._max_bytes, self._written = max_bytes, 0

    def extract(self, members: tarfile.TarFile) -> None:
        """Manifest.json, which comes first, and the files that it names, each with its size."""
        sizes: dict[str, int] = {}
        for member in members:
            path = member.name.partition("/")[2]
            content = members.extractfile(member) if member.isreg() else None
            if content is None:
                raise _refused(self._archive, f"{member.name!r} is no plain file")
            if not sizes and _is_manifest(member):
                (self._place / MANIFEST).write_bytes(content.read())
                sizes = self._sizes(Bundle.open(self._place))
            elif sizes.pop(path, -1) == member.size or _measured(path, member.size, sizes):
                self._check_room(member.size)
                self._write(path, member.name, content)
            else:
                raise _refused(
                    self._archive, f"it holds {member.name!r}, which its manifest does not name so"
                )

    def _sizes(self, bundle: Bundle) -> dict[str, int]:
        """Of the files that may come, by path."""
        if self._digest not in {"", bundle.digest}:
            raise _refused(
                self._archive,
                f"it holds bundle {bundle.digest[:12]}, not {self._digest[:12]}, the one wanted",
            )
        return {entry.path: entry.size for entry in bundle.manifest.files}

    def _check_room(self, size: int) -> None:
        self._written += size
        if self._max_bytes is not None and self._written > self._max_bytes:
            raise _refused(self._archive, f"it holds more than {self._max_bytes} bytes, which are allowed")
        free = shutil.disk_usage(self._place).free
        if size > free:
            raise DiskFull(
                f"a file in {self._archive} has {size} bytes, and the disk of {self._place.parent.parent} "
                f"{free} free; free some",
                needed=size,
                free=free,
            )

    def _write(self, path: str, name: str, content: IO[bytes]) -> None:
        target = self._place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            raise _refused(self._archive, f"it holds {name!r} twice")
        with target.open("xb") as stream:
            shutil.copyfileobj(content, stream, _CHUNK)


class _Member(tarfile.TarInfo):
    """What stands in front of a member is read into memory: it is short, or refused."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        member = super().frombuf(buf, encoding, errors)
        if member.size > _MAX_HEADER and member.type not in tarfile.REGULAR_TYPES:
            raise tarfile.ReadError(f"a header of {member.size} bytes")
        return member


@contextlib.contextmanager
def _reading(archive: Path) -> Iterator[tarfile.TarFile]:
    """Its members. Raises BundleDamaged for what is no such archive, BundleMissing where it is not there."""
    try:
        with (
            _opened(archive) as stream,
            tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member) as members,
        ):
            yield members
    except (tarfile.TarError, zstd.ZstdError, EOFError, RecursionError, ValueError) as error:
        raise _refused(archive, f"it cannot be read ({error})") from error


def _is_manifest(member: tarfile.TarInfo) -> bool:
    path = member.name.partition("/")[2]
    return member.isreg() and path == MANIFEST and member.size <= MAX_MANIFEST_BYTES


def _measured(path: str, size: int, named: Mapping[str, int]) -> bool:
    return path in BESIDE and path not in named and size <= MAX_REPORT_BYTES


def _check_whole(archive: Path, bundle: Bundle) -> None:
    wrong = [problem for _, problem in bundle.verify() if problem]
    if (bundle.path / MEASUREMENTS).exists() and bundle.unmeasured:
        wrong.append(bundle.unmeasured)
    if wrong:
        raise _refused(archive, "; ".join(wrong))


@contextlib.contextmanager
def _opened(archive: Path) -> Iterator[ByteStream]:
    try:
        file = archive.open("rb")
    except OSError as error:
        raise BundleMissing(
            f"{archive} cannot be read ({error.strerror}); name what isthmus bundle pack wrote"
        ) from error
    with file as stream:
        if archive.name.endswith(".zst"):
            with zstd.ZstdFile(stream, "rb") as unpacked:
                yield unpacked
        else:
            yield stream


def _refused(archive: Path, why: str) -> BundleDamaged:
    return BundleDamaged(
        f"{archive} is not a bundle that isthmus packed: {why}; fetch it again", file=str(archive)
    )
