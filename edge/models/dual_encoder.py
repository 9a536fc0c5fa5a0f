"""A dual encoder on the device: a picture's embedding compared with those of labels, as far as these are at
hand.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from edge.models.text_tower import TextTower, has_tower
from protos import inference_pb2 as pb
from protos.arrays import Floats
from protos.bundle import Bundle
from protos.labels import Labels
from protos.matching import label_texts, scores, unit


class LocalDualEncoder:
    """Knows the bundle's own labels, those of the caller's label file, and those that its text tower read for
    the last request.
    """

    def __init__(self, bundle: Bundle, threads: int = 1, provider: str = "") -> None:
        """Raises BundleDamaged or RequestError for labels that are broken."""
        self._bundle = bundle
        self._threads = threads
        self._provider = provider
        self._matching = bundle.manifest.matching
        own = Labels.own(bundle)
        self._own = own.rows() if own else {}
        self._read: dict[str, Floats] = {}

    @cached_property
    def _tower(self) -> TextTower:
        return TextTower(self._bundle, self._threads, self._provider)

    def unread(self, labels: Sequence[str], given: Mapping[str, Floats]) -> list[str]:
        """The labels that the text tower would have to read. `given`: embeddings (width) by label, as a label
        file has them.
        """
        return [
            label for label in labels if not any(label in known for known in (given, self._own, self._read))
        ]

    def unavailable_reason(self, labels: Sequence[str], given: Mapping[str, Floats]) -> str:
        """Why the device cannot tell these labels apart alone; empty if it can."""
        unread = self.unread(labels, given)
        if not unread or has_tower(self._bundle):
            return ""
        return (
            f"no embedding of {unread[0]!r} on this device (isthmus bundle labels makes a label file; "
            "or split --with-local)"
        )

    def compare(self, picture: Floats, labels: Sequence[str], given: Mapping[str, Floats]) -> list[pb.Score]:
        """Labels (none: the bundle's own) by how well they fit the embedding (width) of a picture, the best
        first. Raises NoRoute.
        """
        chosen = list(labels or self._matching.labels)
        if unread := self.unread(chosen, given):
            read = dict(zip(unread, self._tower.embed(label_texts(self._matching, unread)), strict=True))
            self._read = {label: row for label, row in self._read.items() if label in chosen} | read
        known = {**self._read, **self._own, **given}
        return scores(self._matching, chosen, np.stack([known[label] for label in chosen]), unit(picture))
