"""What a bundle is examined on: pictures that no fitting has seen, and questions about them or captions of
them.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from protos.bundle import Bundle
from protos.errors import RequestError
from protos.report import Report
from splitter.evaluate.subjects import AGREEMENT, GENERIC, SUFFIXES, Image, fingerprint, read
from splitter.nano.questions import Question, ask_all
from splitter.nano.scenes import HELD_OUT_SEEDS, picture

NANO = "nano"
ALL = "all"  # stands for the questions of every kind
BENCH_SEEDS = (
    HELD_OUT_SEEDS + 20_000_000
)  # apart from those of the evaluation, the report and the demonstration
KNOWN_SEEDS = BENCH_SEEDS + 10_000_000  # of scenes that an attacker may learn from
_MAX_BYTES = 64 << 20
_CAPTIONS = '{"a.jpg": ["a dog runs", ...], ...}'
_QUESTIONS = '[{"picture": "a.jpg", "question": "what runs?", "answer": "a dog", "kind": "object"}, ...]'


@dataclass(frozen=True)
class Exam:
    """Pictures, RGB uint8 (h, w, 3), with questions or captions by the index of their picture; one of the two
    is empty.

    A question of kind "agreement" has no answer of its own: the whole model's counts. `left_out` pictures
    were fitted on.
    """

    name: str
    pictures: Sequence[Image]
    questions: Sequence[tuple[int, Question]] = ()
    captions: Sequence[tuple[int, str]] = ()
    left_out: int = 0

    @property
    def digest(self) -> str:
        """The hex SHA-256 of all of it."""
        state = hashlib.sha256(repr((self.questions, self.captions)).encode())
        for image in self.pictures:
            state.update(repr(image.shape).encode() + image.tobytes())
        return state.hexdigest()


def scenes(count: int) -> Exam:
    """Drawn scenes and one question of each kind about each, as far as the scene allows."""
    drawn = [picture(BENCH_SEEDS + index) for index in range(count)]
    questions = [
        (i, q)
        for i, one in enumerate(drawn)
        for q in ask_all(one.scene, np.random.default_rng(BENCH_SEEDS + i))
    ]
    return Exam(NANO, [one.image for one in drawn], questions)


def fitted_on(bundle: Bundle) -> Collection[str]:
    """The fingerprints of the pictures that a bundle was fitted on; none where it does not say.

    Raises BundleDamaged for a report that is not the bundle's own, RequestError for one that was broken from
    the start.
    """
    return Report.read(bundle).fitted_on if Report.listed(bundle) else frozenset()


def folder(path: Path, count: int, questions: Path | None = None, fitted: Collection[str] = ()) -> Exam:
    """The first `count` pictures of a folder that something is known of: questions, or captions, in it or
    beside it.

    Where there is neither, its first pictures, and whether what is asked about them is answered as by the
    whole model. Pictures whose fingerprint is among `fitted` are left out. Raises RequestError for a file
    that is not what it should be, CheckpointError for a picture that cannot be read.
    """
    album = _Album.of(path, fitted)
    told, captioned = questions or _beside(path, "questions.json"), _beside(path, "captions.json")
    if told:
        return _with_questions(album, _asked(told), count)
    if captioned:
        return _with_captions(album, _captions(captioned), count)
    pictures = album.first(album.places, count)
    generic = [(index, Question(AGREEMENT, text, "")) for index in range(len(pictures)) for text in GENERIC]
    return Exam(str(path), list(pictures.values()), generic, left_out=album.left_out)


def others(path: Path, held: Exam, count: int) -> list[Image]:
    """At most so many pictures of a folder that are not among an exam's. Raises as `folder` does."""
    album = _Album.of(path, set(map(fingerprint, held.pictures)))
    return [image for _, image in islice(album.unseen(album.places), count)]


@dataclass
class _Album:
    """The picture files of a folder, by their path in it; a bare name will do for one that is further down.

    Pictures whose fingerprints are among `_seen` are left out, and counted.
    """

    root: Path
    places: Mapping[str, Path]
    _seen: Collection[str]
    left_out: int = 0

    @classmethod
    def of(cls, root: Path, seen: Collection[str]) -> "_Album":
        files = sorted(p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES) if root.is_dir() else []
        if not files:
            raise RequestError(
                f"{root} holds no pictures; give a folder with pictures, or `{NANO}`", path=str(root)
            )
        return cls(root, {p.relative_to(root).as_posix(): p for p in files}, seen)

    def first(self, names: Iterable[str], count: int) -> dict[str, Image]:
        """At most so many of the pictures named. Raises RequestError where none is left."""
        found = dict(islice(self.unseen(names), count))
        if not found:
            message = (
                f"the bundle was fitted on all {self.left_out} pictures of {self.root} that "
                "something is known of; measure on others"
            )
            raise RequestError(message, path=str(self.root))
        return found

    def unseen(self, names: Iterable[str]) -> Iterator[tuple[str, Image]]:
        for name in names:
            image = read(self._place(name))
            if fingerprint(image) in self._seen:
                self.left_out += 1
            else:
                yield name, image

    @cached_property
    def _bare(self) -> Mapping[str, Sequence[str]]:
        """The paths of the pictures that have a bare name."""
        named = defaultdict[str, list[str]](list)
        for path, place in self.places.items():
            named[place.name].append(path)
        return named

    def _place(self, name: str) -> Path:
        found = [name] if name in self.places else self._bare.get(name, [])
        if not found:
            raise RequestError(
                f"{self.root} holds no picture {name!r}; add it, or take it out of the file that names it",
                picture=name,
            )
        if len(found) > 1:
            raise RequestError(
                f"{self.root} holds {' and '.join(found[:2])}; write which of them {name!r} is", picture=name
            )
        return self.places[found[0]]


def _with_questions(album: _Album, asked: Sequence[tuple[str, Question]], count: int) -> Exam:
    pictures = album.first(dict.fromkeys(name for name, _ in asked), count)
    places = {name: index for index, name in enumerate(pictures)}
    placed = [(places[name], question) for name, question in asked if name in places]
    return Exam(str(album.root), list(pictures.values()), placed, left_out=album.left_out)


def _with_captions(album: _Album, captions: Mapping[str, Sequence[str]], count: int) -> Exam:
    pictures = album.first(captions, count)
    told = [(index, text) for index, name in enumerate(pictures) for text in captions[name]]
    return Exam(str(album.root), list(pictures.values()), captions=told, left_out=album.left_out)


def _beside(path: Path, name: str) -> Path | None:
    return next((place for place in (path / name, path.parent / name) if place.is_file()), None)


def _asked(path: Path) -> list[tuple[str, Question]]:
    entries = _read(path)
    if not isinstance(entries, list) or not entries:
        raise RequestError(f"{path} is not a list of questions; write {_QUESTIONS}", path=str(path))
    return [_question(path, entry) for entry in entries]


def _question(path: Path, entry: Any) -> tuple[str, Question]:
    fields = ("picture", "question", "answer", "kind")
    if not isinstance(entry, dict) or not all(
        isinstance(entry.get(name), str) and entry[name] for name in fields
    ):
        raise RequestError(
            f"{path} holds {str(entry)[:80]}, which is no question; write {_QUESTIONS}", path=str(path)
        )
    if entry["kind"] == ALL:
        raise RequestError(
            (
                f"{path} has questions of the kind {ALL!r}, which stands for all kinds together; name it "
                "otherwise"
            ),
            path=str(path),
        )
    return entry["picture"], Question(entry["kind"], entry["question"], entry["answer"])


def _captions(path: Path) -> dict[str, list[str]]:
    """Captions by picture; of a file that says which pictures are to evaluate on, those."""
    entries = _read(path)
    chosen = entries.get("evaluate", entries) if isinstance(entries, dict) else entries
    if not isinstance(chosen, dict) or not chosen or not all(map(_spoken, chosen.values())):
        raise RequestError(f"{path} does not hold captions by picture; write {_CAPTIONS}", path=str(path))
    return chosen


def _spoken(texts: Any) -> bool:
    return (
        isinstance(texts, list)
        and bool(texts)
        and all(isinstance(text, str) and text.strip() for text in texts)
    )


def _read(path: Path) -> Any:
    try:
        with path.open("rb") as stream:
            return json.loads(stream.read(_MAX_BYTES))
    except OSError as error:
        raise RequestError(
            f"{path} cannot be read ({error.strerror}); check its path and permissions", path=str(path)
        ) from error
    except (ValueError, RecursionError) as error:
        raise RequestError(
            f"{path} is not JSON ({error}); mend it, or write it again", path=str(path)
        ) from error
