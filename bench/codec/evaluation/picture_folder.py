"""An evaluation set of a folder's pictures, without those that the bundle was fitted on."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from bench.codec.evaluation.annotations import read_captions, read_questions
from bench.codec.evaluation.evaluation_set import EvaluationSet
from bench.rig.arguments import NANO
from protos.bundle import Bundle
from protos.errors import RequestError
from protos.report import Report
from splitter.evaluate.subjects import AGREEMENT, GENERIC, SUFFIXES, Image, fingerprint, read
from splitter.nano.questions import Question


def fitted_on(bundle: Bundle) -> Collection[str]:
    """The fingerprints of the pictures that a bundle was fitted on: on those it would look better than it is.

    Raises BundleDamaged for a report that is absent, broken, or not the bundle's own.
    """
    return Report.read(bundle).fitted_on


def folder(
    path: Path, count: int, questions: Path | None = None, fitted: Collection[str] = ()
) -> EvaluationSet:
    """The first `count` pictures of a folder that are annotated, with questions or captions.

    Annotations lie in the folder or beside it. Without any, the first pictures are taken, and the metric is
    agreement with the whole model's answers. Pictures whose fingerprint is among `fitted` are left out.
    Raises RequestError for annotations that are none, CheckpointError for a picture that cannot be read.
    """
    pictures = _PictureFolder.of(path, fitted)
    asked, captioned = questions or _beside(path, "questions.json"), _beside(path, "captions.json")
    if asked:
        return _with_questions(pictures, read_questions(asked), count)
    if captioned:
        return _with_captions(pictures, read_captions(captioned), count)
    images = list(pictures.first(pictures.paths, count).values())
    generic = [(index, Question(AGREEMENT, text, "")) for index in range(len(images)) for text in GENERIC]
    return EvaluationSet(str(path), images, generic, left_out=pictures.left_out)


def others(path: Path, evaluation_set: EvaluationSet, count: int) -> list[Image]:
    """At most so many pictures of a folder that are not in an evaluation set. Raises as `folder` does."""
    pictures = _PictureFolder.of(path, set(map(fingerprint, evaluation_set.pictures)))
    return [image for _, image in islice(pictures.included(pictures.paths), count)]


@dataclass
class _PictureFolder:
    """The picture files of a folder, by their path in it; a bare name finds one that is further down.

    Pictures whose fingerprints are among `_excluded` are left out, and counted.
    """

    root: Path
    paths: Mapping[str, Path]
    _excluded: Collection[str]
    left_out: int = 0

    @classmethod
    def of(cls, root: Path, excluded: Collection[str]) -> "_PictureFolder":
        files = sorted(p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES) if root.is_dir() else []
        if not files:
            raise RequestError(
                f"{root} holds no pictures; give a folder with pictures, or `{NANO}`", path=str(root)
            )
        return cls(root, {p.relative_to(root).as_posix(): p for p in files}, excluded)

    def first(self, names: Iterable[str], count: int) -> dict[str, Image]:
        """At most so many of the pictures named. Raises RequestError where none is left."""
        found = dict(islice(self.included(names), count))
        if not found:
            message = (
                f"the bundle was fitted on all {self.left_out} pictures of {self.root} that "
                "something is known of; measure on others"
            )
            raise RequestError(message, path=str(self.root))
        return found

    def included(self, names: Iterable[str]) -> Iterator[tuple[str, Image]]:
        """The pictures named that are not left out."""
        for name in names:
            image = read(self._path(name))
            if fingerprint(image) in self._excluded:
                self.left_out += 1
            else:
                yield name, image

    @cached_property
    def _by_bare_name(self) -> Mapping[str, Sequence[str]]:
        """The paths of the pictures that share a bare name."""
        named = defaultdict[str, list[str]](list)
        for name, path in self.paths.items():
            named[path.name].append(name)
        return named

    def _path(self, name: str) -> Path:
        found = [name] if name in self.paths else self._by_bare_name.get(name, [])
        if not found:
            raise RequestError(
                f"{self.root} holds no picture {name!r}; add it, or take it out of the file that names it",
                picture=name,
            )
        if len(found) > 1:
            raise RequestError(
                f"{self.root} holds {' and '.join(found[:2])}; write which of them {name!r} is", picture=name
            )
        return self.paths[found[0]]


def _with_questions(
    pictures: _PictureFolder, questions: Sequence[tuple[str, Question]], count: int
) -> EvaluationSet:
    images = pictures.first(dict.fromkeys(name for name, _ in questions), count)
    indices = {name: index for index, name in enumerate(images)}
    asked = [(indices[name], question) for name, question in questions if name in indices]
    return EvaluationSet(str(pictures.root), list(images.values()), asked, left_out=pictures.left_out)


def _with_captions(
    pictures: _PictureFolder, captions: Mapping[str, Sequence[str]], count: int
) -> EvaluationSet:
    images = pictures.first(captions, count)
    texts = [(index, text) for index, name in enumerate(images) for text in captions[name]]
    return EvaluationSet(
        str(pictures.root), list(images.values()), captions=texts, left_out=pictures.left_out
    )


def _beside(path: Path, name: str) -> Path | None:
    return next((place for place in (path / name, path.parent / name) if place.is_file()), None)
