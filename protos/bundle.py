"""Read, check and verify a bundle: the folder that the splitter makes and everybody else reads."""

import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath

from google.protobuf import json_format
from typing_extensions import Self

from protos import bundle_pb2 as pb
from protos import mistaken
from protos.errors import BundleDamaged, BundleMissing, BundleTooNew, BundleTooOld, UnknownName
from protos.files import check_name
from protos.measurements import MEASUREMENTS, assumed, read_measurements
from protos.mistaken import split_again

FORMAT = 4
MANIFEST = mistaken.MANIFEST
BUILT_IN = mistaken.BUILT_IN
REPORT = "report.json"
LEAKAGE = "leakage.json"
# what was measured of a bundle: beside the manifest, and no part of the bundle's identity
BESIDE = (MEASUREMENTS, REPORT, LEAKAGE)
# behind the name of an ONNX file: its weights, where it would be too large with them inside
WEIGHTS = ".weights"
EDGE = "edge/"  # in front of the path of what a device needs
REPORT = "report.json"  # what a split measured
PICTURE_CUT = "pixels"
ID_BYTES = 8  # of a bundle's digest, that name it in a request
MAX_MANIFEST_BYTES = 16 << 20
# what no split can tell from a folder of the user's, it does not replace
_BLOCK = 1 << 20
_ANEW = "fetch the bundle again, or remove it and split the model again"
# the parts of a bundle that a copy may lack, and what to do where one is needed
_HALVES = {
    "edge": "which the device needs; copy that folder from where the bundle was split",
    "cloud": "as on a device; do this where the whole bundle is, or copy that folder from there",
}


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
                raw = stream.read(MAX_MANIFEST_BYTES + 1)
        except OSError as error:
            raise BundleMissing(mistaken.not_a_bundle(folder), path=str(folder)) from error
        return cls(folder, _parse(folder, raw), hashlib.sha256(raw).hexdigest())

    @property
    def id(self) -> bytes:
        """How a request names it."""
        return bytes.fromhex(self.digest)[:ID_BYTES]

    @property
    def measurements(self) -> pb.Measurements:
        """What the split measured; where that is not to be had, what is assumed instead: see `unmeasured`."""
        return self._measured[0]

    @property
    def unmeasured(self) -> str:
        """Why `measurements` are assumed, and what to do; empty where they were measured."""
        return self._measured[1]

    def check_measured(self) -> None:
        """Raises BundleDamaged where `measurements` are only assumed."""
        if self.unmeasured:
            raise BundleDamaged(self.unmeasured, file=MEASUREMENTS, bundle=self.digest)

    @cached_property
    def _measured(self) -> tuple[pb.Measurements, str]:
        try:
            return read_measurements(self.path, self.digest, self.manifest), ""
        except (BundleDamaged, BundleTooOld) as error:
            return assumed(self.digest, self.manifest), str(error)

    @property
    def device_model(self) -> Self:
        """The bundle as what answers on the device sees it: itself, or the manifest of a small model of its
        own, over the same files.
        """
        if not self.manifest.local.HasField("own"):
            return self
        own = pb.Manifest()
        own.CopyFrom(self.manifest.local.own)
        own.files.extend(self.manifest.files)
        return type(self)(self.path, own, self.digest)

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
                    raise BundleDamaged(
                        f"bundle {self.path}: {problem}; {self._remedy(part)}", file=part, bundle=self.digest
                    )
                self._checked.add(part)
        return self.path / path

    def folder(self, prefix: str) -> Path:
        """A folder of the bundle, every file in it checked. Raises BundleDamaged."""
        for path in self._files:
            if path.startswith(prefix + "/"):
                self.file(path)
        return self.path / prefix

    def edge_files(self) -> list[pb.File]:
        """What a device needs of the files that the manifest names."""
        labels = self.manifest.matching.embeddings
        return [
            entry for entry in self._files.values() if entry.path.startswith(EDGE) or entry.path == labels
        ]

    def measured_files(self) -> list[pb.File]:
        """What was measured, as far as it stands beside the manifest, which does not name it."""
        places = {name: self.path / name for name in BESIDE}
        return [
            pb.File(path=name, size=place.stat().st_size) for name, place in places.items() if place.is_file()
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

    def incomplete(self) -> Iterator[str]:
        """What is wrong with files at first sight: those that are absent, or of another size."""
        for entry in self._files.values():
            if problem := self._size_problem(entry):
                yield problem

    def _entry(self, path: str) -> pb.File:
        if path not in self._files:
            raise BundleDamaged(
                f"bundle {self.path} holds no {path}; split the model again", file=path, bundle=self.digest
            )
        return self._files[path]

    def _problem(self, entry: pb.File) -> str | None:
        if problem := self._size_problem(entry):
            return problem
        try:
            found = file_digest(self.path / entry.path)
        except OSError as error:
            return f"{entry.path} cannot be read ({error.strerror})"
        return (
            None
            if found == entry.sha256
            else f"{entry.path} has digest {found[:12]}, the manifest says {entry.sha256[:12]}"
        )

    def _remedy(self, part: str) -> str:
        """What to do about a file that is not as it should be."""
        half = PurePosixPath(part).parts[0]
        if (self.path / half).exists() or half not in _HALVES:
            return f"fetch it again, or split it again: {split_again(self.path, self.manifest.model)}"
        return f"this copy has no {half}/, {_HALVES[half]}"

    def _size_problem(self, entry: pb.File) -> str | None:
        try:
            size = (self.path / entry.path).stat().st_size
        except OSError as error:
            return f"{entry.path} cannot be read ({error.strerror})"
        return (
            None if size == entry.size else f"{entry.path} has {size} bytes, the manifest says {entry.size}"
        )


def file_digest(path: Path) -> str:
    """The hex SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_manifest(folder: Path, manifest: pb.Manifest) -> str:
    """Write manifest.json, with every other file of the folder listed in it but those that stand beside it.
    Gives the bundle's digest; the manifest that is given stays as it is.
    """
    written = pb.Manifest()
    written.CopyFrom(manifest)
    del written.files[:]
    apart = {folder / name for name in (MANIFEST, *BESIDE)}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p not in apart):
        written.files.add(
            path=path.relative_to(folder).as_posix(), size=path.stat().st_size, sha256=file_digest(path)
        )
    text = json_format.MessageToJson(written, indent=1, preserving_proto_field_name=True)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return file_digest(folder / MANIFEST)


def _parse(folder: Path, raw: bytes) -> pb.Manifest:
    if len(raw) > MAX_MANIFEST_BYTES:
        raise BundleDamaged(
            f"{folder / MANIFEST} is larger than {MAX_MANIFEST_BYTES} bytes; it is not a manifest",
            file=MANIFEST,
        )
    try:
        manifest = json_format.Parse(raw, pb.Manifest(), ignore_unknown_fields=True)
    except (json_format.ParseError, UnicodeDecodeError) as error:
        raise BundleDamaged(
            f"{folder / MANIFEST} cannot be read ({error}); {_ANEW}", file=MANIFEST
        ) from error
    if manifest.format > FORMAT:
        message = (
            f"bundle {folder} has format {manifest.format}, this version reads only {FORMAT}: upgrade "
            f"isthmus, or split the model again: {split_again(folder, manifest.model)}"
        )
        raise BundleTooNew(message, format=manifest.format)
    if 0 < manifest.format < FORMAT:
        message = (
            f"bundle {folder} has format {manifest.format}, this version reads only {FORMAT}; split the "
            f"model again: {split_again(folder, manifest.model)}"
        )
        raise BundleTooOld(message, format=manifest.format)
    if manifest.format < 1 or not manifest.pieces:
        raise BundleDamaged(f"{folder / MANIFEST} describes no head; {_ANEW}", file=MANIFEST)
    for entry in manifest.files:
        parts = PurePosixPath(entry.path)
        if parts.is_absolute() or ".." in parts.parts or "\\" in entry.path:
            raise BundleDamaged(
                f"{folder / MANIFEST} names the file {entry.path!r} outside the bundle; do not use it",
                file=entry.path,
            )
    return manifest
