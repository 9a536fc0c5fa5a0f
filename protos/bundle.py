"""Read, check and verify a bundle: the folder that the splitter makes and everybody else reads."""

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Self

from google.protobuf import json_format

from protos import bundle_pb2 as pb
from protos.errors import BundleDamaged, BundleMissing, BundleTooNew, BundleTooOld, UnknownName
from protos.files import check_name

FORMAT = 3
MANIFEST = "manifest.json"
# behind the name of an ONNX file: its weights, where it would be too large with them inside
WEIGHTS = ".weights"
EDGE = "edge/"  # in front of the path of what a device needs
REPORT = "report.json"  # what a split measured
PICTURE_CUT = "pixels"
_MAX_MANIFEST_BYTES = 16 << 20


class Bundle:
    """An opened bundle: its manifest, its digest (hex SHA-256 of manifest.json), and its files, checked when
    asked for.

    A part of a bundle may be absent (a device holds `edge/` only); asking for an absent file raises
    BundleDamaged.
    """

    def __init__(self, path: Path, manifest: pb.Manifest, digest: str) -> None:
        self.path, self.manifest, self.digest = path, manifest, digest
        self._files = {entry.path: entry for entry in manifest.files}
        self._checked: set[str] = set()

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Read the manifest of the bundle in a folder. Raises BundleMissing, BundleDamaged, BundleTooNew,
        BundleTooOld, or RequestError for a name that is not UTF-8.
        """
        folder = Path(path)
        check_name(folder)
        try:
            with (folder / MANIFEST).open("rb") as stream:
                raw = stream.read(_MAX_MANIFEST_BYTES + 1)
        except OSError as error:
            raise BundleMissing(
                f"{folder} is not a bundle: no {MANIFEST} in it; make one with: isthmus split -o {folder}"
            ) from error
        return cls(folder, _parse(folder, raw), hashlib.sha256(raw).hexdigest())

    def cut(self, name: str) -> pb.Cut:
        """A published cut by name; raises UnknownName with those that there are."""
        for cut in self.manifest.cuts:
            if cut.name == name:
                return cut
        raise UnknownName("cut", name, [cut.name for cut in self.manifest.cuts])

    def codec(self, cut: str, name: str) -> pb.Codec:
        """A codec of a cut by name; raises UnknownName with those that there are."""
        codecs = self.cut(cut).codecs
        for codec in codecs:
            if codec.name == name:
                return codec
        raise UnknownName(f"codec of cut {cut}", name, [codec.name for codec in codecs])

    def pieces_to(self, cut: str) -> list[pb.Piece]:
        """The pieces that a device runs, in order, to reach a cut."""
        self.cut(cut)
        names = [piece.cut for piece in self.manifest.pieces]
        return list(self.manifest.pieces[: names.index(cut) + 1])

    def file(self, path: str) -> Path:
        """The place of a file on disk, its size and digest checked once, and those of its weights beside it.
        Raises BundleDamaged.
        """
        for part in (path, path + WEIGHTS) if path + WEIGHTS in self._files else (path,):
            if part not in self._checked:
                problem = self._problem(self._entry(part))
                if problem:
                    raise BundleDamaged(self._remedy(part, problem), file=part, bundle=self.digest)
                self._checked.add(part)
        return self.path / path

    def folder(self, prefix: str) -> Path:
        """A folder of the bundle, every file in it checked. Raises BundleDamaged."""
        for path in self._files:
            if path.startswith(prefix + "/"):
                self.file(path)
        return self.path / prefix

    def edge_files(self) -> list[pb.File]:
        """What a device needs beside the manifest, and the report, which tells it what was measured."""
        beside = {REPORT, self.manifest.matching.embeddings}
        return [
            entry for entry in self._files.values() if entry.path.startswith(EDGE) or entry.path in beside
        ]

    @property
    def edge_only(self) -> bool:
        """Whether this is a device's part: the files that a device needs, and no other, are here."""
        needed = {entry.path for entry in self.edge_files()}
        others = [path for path in self._files if path not in needed]
        return bool(others) and not any((self.path / path).exists() for path in others)

    def verify(self) -> Iterator[tuple[pb.File, str | None]]:
        """Every file with what is wrong with it, or None; of a device's part those that a device needs."""
        for entry in self.edge_files() if self.edge_only else self._files.values():
            yield entry, self._problem(entry)

    def _remedy(self, path: str, problem: str) -> str:
        if self.edge_only and path not in {entry.path for entry in self.edge_files()}:
            return f"bundle {self.path} is a device's part and holds no {path}; give the whole bundle"
        return f"bundle {self.path}: {problem}; fetch or split it again"

    def _entry(self, path: str) -> pb.File:
        if path not in self._files:
            raise BundleDamaged(
                f"bundle {self.path} holds no {path}; split the model again", file=path, bundle=self.digest
            )
        return self._files[path]

    def _problem(self, entry: pb.File) -> str | None:
        place = self.path / entry.path
        try:
            size = place.stat().st_size
            if size != entry.size:
                return f"{entry.path} has {size} bytes, the manifest says {entry.size}"
            found = file_digest(place)
        except OSError as error:
            return f"{entry.path} cannot be read ({error.strerror})"
        return (
            None
            if found == entry.sha256
            else f"{entry.path} has digest {found[:12]}, the manifest says {entry.sha256[:12]}"
        )


def file_digest(path: Path) -> str:
    """The hex SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_manifest(folder: Path, manifest: pb.Manifest) -> None:
    """Write manifest.json, with every other file of the folder listed in it; the last step of making a
    bundle.
    """
    del manifest.files[:]
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST):
        manifest.files.add(
            path=path.relative_to(folder).as_posix(), size=path.stat().st_size, sha256=file_digest(path)
        )
    text = json_format.MessageToJson(manifest, indent=1, preserving_proto_field_name=True)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _parse(folder: Path, raw: bytes) -> pb.Manifest:
    if len(raw) > _MAX_MANIFEST_BYTES:
        raise BundleDamaged(
            f"{folder / MANIFEST} is larger than {_MAX_MANIFEST_BYTES} bytes; it is not a manifest",
            file=MANIFEST,
        )
    try:
        manifest = json_format.Parse(raw, pb.Manifest(), ignore_unknown_fields=True)
    except (json_format.ParseError, UnicodeDecodeError) as error:
        raise BundleDamaged(
            f"{folder / MANIFEST} cannot be read ({error}); fetch or split it again", file=MANIFEST
        ) from error
    if manifest.format > FORMAT:
        message = (
            f"bundle {folder} has format {manifest.format}, this version reads only {FORMAT}: "
            "upgrade isthmus, or split again"
        )
        raise BundleTooNew(message, format=manifest.format)
    if 0 < manifest.format < FORMAT:
        message = (
            f"bundle {folder} has format {manifest.format}, this version reads only {FORMAT}: split "
            "the model again"
        )
        raise BundleTooOld(message, format=manifest.format)
    if manifest.format < 1 or not manifest.pieces:
        raise BundleDamaged(f"{folder / MANIFEST} describes no head; split the model again", file=MANIFEST)
    for entry in manifest.files:
        parts = PurePosixPath(entry.path)
        if parts.is_absolute() or ".." in parts.parts or "\\" in entry.path:
            raise BundleDamaged(
                f"{folder / MANIFEST} names the file {entry.path!r} outside the bundle; do not use it",
                file=entry.path,
            )
    return manifest
