"""Where finished rows are kept: those of features by the bundle, those of pictures by the model alone,
whatever its codecs are.
"""

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Self

from bench.codec.exam import Exam
from protos.bundle import Bundle
from splitter.storage.parts import Parts

_MEASURED_WITH = ("torch", "transformers", "onnxruntime", "pillow")


@dataclass(frozen=True)
class Keep:
    """Two folders of finished rows."""

    features: Parts
    pictures: Parts

    @classmethod
    def of(cls, folder: Path, bundle: Bundle, exam: Exam) -> Self:
        """Rows of this bundle and exam under a folder, which is made; what other versions measured is thrown
        away.
        """
        folder.mkdir(parents=True, exist_ok=True)
        return cls(
            *(
                _parts(folder, kind, digest, exam)
                for kind, digest in (("codec", bundle.digest), ("pictures", _model_digest(bundle)))
            )
        )


def _parts(folder: Path, kind: str, digest: str, exam: Exam) -> Parts:
    measured = json.dumps([digest, exam.digest, {name: version(name) for name in _MEASURED_WITH}])
    return Parts(
        folder / f"{kind}-{digest[:12]}-{exam.digest[:12]}", hashlib.sha256(measured.encode()).hexdigest()
    )


def _model_digest(bundle: Bundle) -> str:
    """The hex SHA-256 of all that answers to a picture depend on: the model's own files, preprocessing,
    prompt.
    """
    manifest = bundle.manifest
    files = {entry.path: entry.sha256 for entry in manifest.files if entry.path.startswith("cloud/")}
    own = {path: digest for path, digest in sorted(files.items()) if not path.startswith("cloud/codec-")}
    said = [
        part.SerializeToString(deterministic=True).hex()
        for part in (manifest.preprocessing, manifest.prompt, manifest.matching)
    ]
    return hashlib.sha256(json.dumps([own, said]).encode()).hexdigest()
