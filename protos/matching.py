"""Embeddings compared: how well each label fits a picture. The same for device, cloud and splitter."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.arrays import Floats

LABEL = "{label}"  # in a template


def label_texts(matching: pb.Matching, labels: Sequence[str]) -> list[str]:
    """What the text tower reads for labels: each in the bundle's template."""
    return [matching.template.replace(LABEL, label) for label in labels]


def unit(embeddings: Floats) -> Floats:
    """Embeddings (..., width), each of length 1."""
    lengths = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    return np.asarray(embeddings / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)


def scores(matching: pb.Matching, labels: Sequence[str], texts: Floats, picture: Floats) -> list[ip.Score]:
    """Every label's score, the best first. `texts` (labels, width) and `picture` (width) are of length 1."""
    similarities = texts.astype(np.float64) @ picture.astype(np.float64)
    probabilities = _probabilities(matching, matching.scale * similarities + matching.bias)
    order = np.argsort(-similarities, kind="stable")
    return [
        ip.Score(label=labels[i], probability=probabilities[i], similarity=similarities[i]) for i in order
    ]


def _probabilities(matching: pb.Matching, logits: NDArray[np.float64]) -> NDArray[np.float64]:
    if matching.kind == pb.Matching.SIGMOID:
        return np.exp(-np.logaddexp(0, -logits))
    shares = np.exp(logits - logits.max())
    return np.asarray(shares / shares.sum())
