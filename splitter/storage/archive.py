"""A bundle, or what a device needs of it, as a folder or an archive: the same bytes whenever it is packed.

The folder in an archive is `MODEL-DIGEST/`, without times and owners.
"""

import contextlib
import re
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

from protos import bundle_pb2 as pb
from protos.archive import ENDINGS, ByteStream, aside, check_free
from protos.bundle import MANIFEST, Bundle
from protos.compression import zstd

_LEVEL = 12


def pack(bundle: Bundle, output: Path, *, edge: bool) -> Sequence[pb.File]:
    """Write a bundle, or with `edge` what a device needs of it, whole or not at all, with what was measured;
    its files but the manifest.

    `output` is an archive where its name ends as one, else a folder. Raises RequestError for a place that is
    taken, and BundleDamaged.
    """
    check_free(output)
    named = bundle.edge_files() if edge else list(bundle.manifest.files)
    for entry in named:
        bundle.file(entry.path)
    files = [*named, *bundle.measured_files()]
    with aside(output) as place:
        if output.name.endswith(ENDINGS):
            _write_archive(bundle, files, place)
        else:
            _copy(bundle, files, place)
    return files


def _write_archive(bundle: Bundle, files: Sequence[pb.File], place: Path) -> None:
    model = re.sub(r"[^\w.-]+", "-", bundle.manifest.model, flags=re.ASCII)
    folder = f"{model}-{bundle.digest[:12]}"
    with contextlib.ExitStack() as stack:
        stream: ByteStream = stack.enter_context(place.open("wb"))
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
