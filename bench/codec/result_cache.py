"""Finished results on disk: those of features by bundle, those of pictures by model alone."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from bench.codec.evaluation.evaluation_set import EvaluationSet
from protos.bundle import Bundle
from splitter.storage.parts import Parts

_MEASURED_WITH = ("torch", "transformers", "onnxruntime", "pillow")


@dataclass(frozen=True)
class ResultCache:
    """Two folders of finished results."""

    features: Parts
    pictures: Parts

    @classmethod
    def of(cls, folder: Path, bundle: Bundle, evaluation_set: EvaluationSet) -> Self:
        """Results of this bundle and evaluation set under a folder, which is made; other versions' results
        are thrown away.
        """
        folder.mkdir(parents=True, exist_ok=True)
        return cls(
            *(
                _parts(folder, kind, digest, evaluation_set)
                for kind, digest in (("codec", bundle.digest), ("pictures", _model_digest(bundle)))
            )
        )


def cached(parts: Parts, name: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A finished result, or the one that is measured now."""
    found: dict[str, Any] = parts.value(re.sub(r"[^\w.-]", "-", name), measure)
    return found


def _parts(folder: Path, kind: str, digest: str, evaluation_set: EvaluationSet) -> Parts:
    versions = {name: version(name) for name in _MEASURED_WITH}
    recipe = json.dumps([digest, evaluation_set.digest, versions])
    return Parts(
        folder / f"{kind}-{digest[:12]}-{evaluation_set.digest[:12]}",
        hashlib.sha256(recipe.encode()).hexdigest(),
    )


def _model_digest(bundle: Bundle) -> str:
    """The hex SHA-256 of all that answers to a picture depend on: the model's own files, preprocessing,
    prompt.
    """
    manifest = bundle.manifest
    files = {entry.path: entry.sha256 for entry in manifest.files if entry.path.startswith("cloud/")}
    own = {path: digest for path, digest in sorted(files.items()) if not path.startswith("cloud/codec-")}
    messages = [
        part.SerializeToString(deterministic=True).hex()
        for part in (manifest.preprocessing, manifest.prompt, manifest.matching)
    ]
    return hashlib.sha256(json.dumps([own, messages]).encode()).hexdigest()
