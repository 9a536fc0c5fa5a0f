"""A bundle, or what a device needs of it, as a folder or an archive: the same bytes whenever it is packed.

An archive is a tar of one folder, `MODEL-DIGEST/`, manifest.json first, without times and owners; Zstandard
compresses it where its name says so.
"""

import contextlib
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from protos import bundle_pb2 as pb
from protos.bundle import BESIDE, MANIFEST, MAX_MANIFEST_BYTES, Bundle
from protos.compression import zstd
from protos.errors import BundleDamaged, RequestError
from protos.measurements import MEASUREMENTS
from protos.report import MAX_REPORT_BYTES

ENDINGS = (".tar.zst", ".tar")
_LEVEL = 12
_CHUNK = 1 << 20

_Stream = IO[bytes] | zstd.ZstdFile


def pack(bundle: Bundle, output: Path, *, edge: bool) -> Sequence[pb.File]:
    """Write a bundle, or with `edge` what a device needs of it, whole or not at all, with what was measured;
    its files but the manifest.

    `output` is an archive where its name ends as one, else a folder. Raises RequestError for a place that is
    taken, and BundleDamaged.
    """
    _check_free(output)
    named = bundle.edge_files() if edge else list(bundle.manifest.files)
    for entry in named:
        bundle.file(entry.path)
    files = [*named, *bundle.measured_files()]
    with _aside(output) as aside:
        if output.name.endswith(ENDINGS):
            _write_archive(bundle, files, aside)
        else:
            _copy(bundle, files, aside)
    return files


def unpack(archive: Path, output: Path) -> Bundle:
    """Make a folder of an archive, whole or not at all. Nothing in it is believed: it gives the files that
    its manifest names, with their digests, and what was measured of that bundle; it is refused for anything
    else.

    Raises RequestError for a place that is taken, and BundleError.
    """
    _check_free(output)
    with _aside(output) as aside:
        aside.mkdir()
        try:
            with _opened(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as members:
                _extract(archive, members, aside)
        except (tarfile.TarError, zstd.ZstdError, EOFError) as error:
            raise _refused(archive, f"it cannot be read ({error})") from error
        _check_whole(archive, Bundle.open(aside))
    return Bundle.open(output)


def _write_archive(bundle: Bundle, files: Sequence[pb.File], place: Path) -> None:
    model = re.sub(r"[^\w.-]+", "-", bundle.manifest.model, flags=re.ASCII)
    folder = f"{model}-{bundle.digest[:12]}"
    with contextlib.ExitStack() as stack:
        stream: _Stream = stack.enter_context(place.open("wb"))
        if place.name.endswith(".zst"):
            stream = stack.enter_context(zstd.ZstdFile(stream, "wb", level=_LEVEL))
        archive = stack.enter_context(tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT))
        for path in (MANIFEST, *sorted(entry.path for entry in files)):
            source = bundle.path / path
            member = tarfile.TarInfo(f"{folder}/{path}")
            member.size, member.mode = source.stat().st_size, 0o644
            with source.open("rb") as content:
                archive.addfile(member, content)


def _copy(bundle: Bundle, files: Sequence[pb.File], place: Path) -> None:
    for path in (MANIFEST, *(entry.path for entry in files)):
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle.path / path, place / path)


def _extract(archive: Path, members: tarfile.TarFile, place: Path) -> None:
    """Manifest.json, which comes first, and the files that it names, each with its size."""
    sizes: dict[str, int] = {}
    for member in members:
        path = member.name.partition("/")[2]
        content = members.extractfile(member) if member.isreg() else None
        if content is None:
            raise _refused(archive, f"{member.name!r} is no plain file")
        if not sizes and path == MANIFEST and member.size <= MAX_MANIFEST_BYTES:
            (place / MANIFEST).write_bytes(content.read())
            sizes = {entry.path: entry.size for entry in Bundle.open(place).manifest.files}
        elif sizes.pop(path, -1) == member.size or _measured(path, member.size, sizes):
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            if (place / path).exists():
                raise _refused(archive, f"it holds {member.name!r} twice")
            with (place / path).open("xb") as target:
                shutil.copyfileobj(content, target, _CHUNK)
        else:
            raise _refused(archive, f"it holds {member.name!r}, which its manifest does not name so")


def _measured(path: str, size: int, named: Mapping[str, int]) -> bool:
    return path in BESIDE and path not in named and size <= MAX_REPORT_BYTES


def _check_whole(archive: Path, bundle: Bundle) -> None:
    wrong = [problem for _, problem in bundle.verify() if problem]
    if (bundle.path / MEASUREMENTS).exists() and bundle.unmeasured:
        wrong.append(bundle.unmeasured)
    if wrong:
        raise _refused(archive, "; ".join(wrong))


@contextlib.contextmanager
def _opened(archive: Path) -> Iterator[_Stream]:
    with archive.open("rb") as stream:
        if archive.name.endswith(".zst"):
            with zstd.ZstdFile(stream, "rb") as unpacked:
                yield unpacked
        else:
            yield stream


@contextlib.contextmanager
def _aside(output: Path) -> Iterator[Path]:
    """A place beside the output with the same ending; it gets the output's name when all went well."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".packing-", dir=output.parent) as folder:
        aside = Path(folder) / output.name
        yield aside
        aside.rename(output)


def _check_free(output: Path) -> None:
    if output.exists():
        raise RequestError(f"{output} is there already; name another place with -o", path=str(output))


def _refused(archive: Path, why: str) -> BundleDamaged:
    return BundleDamaged(
        f"{archive} is not a bundle that isthmus packed: {why}; fetch it again", file=str(archive)
    )
