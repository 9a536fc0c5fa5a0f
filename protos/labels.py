"""Labels with their embeddings, in a file: those that a bundle brings, or an operator's own for a bundle."""

import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from typing_extensions import Self

from protos import bundle_pb2 as pb
from protos.arrays import Floats
from protos.bundle import Bundle
from protos.errors import RequestError, WrongBundle
from protos.files import array_mark
from protos.limits import check_texts

COMMAND = "bundle labels"  # that writes files of them
_ROOM = 1 << 16  # for the headers of an .npz
_MAX_LIST_BYTES = 1 << 20
_LIKE_A_FILE = re.compile(r"[/\\\\]|\.[A-Za-z0-9]{1,6}$")  # a folder in front, or an ending


@dataclass(frozen=True)
class Labels:
    """Names, and embeddings (names, width) of length 1."""

    names: tuple[str, ...]
    embeddings: Floats

    def packed(self, digest: str = "") -> bytes:
        """An .npz without pickle. `digest` is that of the bundle they were made for; its own labels need
        none.
        """
        names = np.array([name.encode() for name in self.names])
        mark, bundle = np.array(array_mark(COMMAND)), np.array(digest.encode())
        packed = io.BytesIO()
        np.savez(packed, generator=mark, names=names, embeddings=self.embeddings, bundle=bundle)
        return packed.getvalue()

    def rows(self) -> dict[str, Floats]:
        """Each name's embedding (width)."""
        return dict(zip(self.names, self.embeddings, strict=True))

    @classmethod
    def own(cls, bundle: Bundle) -> Self | None:
        """Those that a bundle brings; None where it brings none. Raises BundleDamaged, or RequestError for a
        file that holds no labels.
        """
        matching = bundle.manifest.matching
        if not matching.embeddings:
            return None
        return cls._read(bundle.file(matching.embeddings), matching, "isthmus split --labels")[0]

    @classmethod
    def read(cls, path: Path, bundle: Bundle) -> Self:
        """An operator's file. Raises RequestError for a file that holds no labels, WrongBundle for those of
        another bundle.
        """
        if not bundle.manifest.HasField("matching"):
            raise RequestError(
                f"{bundle.manifest.model} answers questions and does not choose among labels; leave the "
                "label file out"
            )
        remedy = f"isthmus bundle labels LABELS.txt --bundle {bundle.path} -o"
        found, digest = cls._read(path, bundle.manifest.matching, f"{remedy} ANOTHER_FILE")
        if digest != bundle.digest:
            message = (
                f"{path} was made for bundle {digest[:12] or 'none'}, this one is "
                f"{bundle.digest[:12]}; make it again: {remedy} {path}"
            )
            raise WrongBundle(message, path=str(path), digest=digest)
        return found

    @classmethod
    def _read(cls, path: Path, matching: pb.Matching, remedy: str) -> tuple[Self, str]:
        try:
            _check_size(path, matching)
            with np.load(path, allow_pickle=False) as stored:
                names, embeddings, digest = stored["names"], stored["embeddings"], stored["bundle"].item()
            found = cls(tuple(name.decode() for name in names.tolist()), np.asarray(embeddings, np.float32))
            _check(found, matching)
            return found, digest.decode()
        except OSError as error:
            raise RequestError(
                f"{path} cannot be read ({error.strerror or error}); give a file made with: {remedy}"
            ) from error
        except (ValueError, KeyError, AttributeError, TypeError, MemoryError, BadZipFile) as error:
            raise RequestError(
                f"{path} does not hold labels ({error}); make it with: {remedy}", path=str(path)
            ) from error


def _check_size(path: Path, matching: pb.Matching) -> None:
    """What it would unpack to is bounded before it is."""
    most = matching.max_texts * (4 * matching.width + matching.max_text_bytes) + _ROOM
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > most:
        raise ValueError(f"it holds {size} bytes, at most {most} can be labels")


def _check(found: Labels, matching: pb.Matching) -> None:
    if not found.names:
        raise ValueError("it holds no label")
    check_texts(found.names, matching)
    if found.embeddings.shape != (len(found.names), matching.width):
        raise ValueError(
            f"its embeddings are {found.embeddings.shape}, not {(len(found.names), matching.width)}"
        )
    if not np.isfinite(found.embeddings).all() or not np.allclose(
        np.linalg.norm(found.embeddings, axis=1), 1, atol=1e-3
    ):
        raise ValueError("its embeddings are not numbers of length 1")


def named_labels(text: str) -> tuple[str, ...]:
    """Labels as a person names them: a file with one a line, or a comma-separated list. Raises RequestError
    where they name none, and for what looks like a file and is none.
    """
    path = Path(text)
    if _is_file(path):
        labels = tuple(line.strip() for line in _lines(path) if line.strip())
    elif _LIKE_A_FILE.search(text) and "," not in text:
        raise RequestError(
            f"there is no file {text!r} to read labels from; give a UTF-8 file with one label a line, or a "
            "list: cat,dog",
            path=text,
        )
    else:
        labels = tuple(label.strip() for label in text.split(",")) if text.strip() else ()
    if not labels:
        raise RequestError(f"{text!r} names no label; give a UTF-8 file with one a line, or a list: cat,dog")
    return labels


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_LIST_BYTES).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path} cannot be read as labels ({error}); give a UTF-8 file with one label a line"
        made = ", or one that isthmus bundle labels made with --label-file" if path.suffix == ".npz" else ""
        raise RequestError(message + made, path=str(path)) from error


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a list of labels may be no possible path
        return False
