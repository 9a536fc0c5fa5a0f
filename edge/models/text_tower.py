"""A dual encoder's text tower on the device: texts in, embeddings out."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.models import runtime
from edge.models.local_model import read_table, read_tokenizer
from protos.arrays import Floats
from protos.bundle import Bundle
from protos.errors import NoRoute
from protos.matching import unit

_INPUTS, _OUTPUT = ("ids", "embeds"), "text"


class TextTower:
    """Tokenizer, table and tower of a bundle. Raises NoRoute where it has none, BundleDamaged where they are
    broken.
    """

    def __init__(self, bundle: Bundle, threads: int = 1, provider: str = "") -> None:
        spec = bundle.manifest.local
        if not has_tower(bundle):
            raise NoRoute(
                f"bundle {bundle.path} cannot read texts on the device; split it again with --with-local, "
                "or give a cloud"
            )
        self._tower = runtime.session(
            bundle.file(spec.decoder), threads, runtime.place(bundle, spec.precision, provider)
        )
        runtime.check(self._tower, spec.decoder, _INPUTS, [_OUTPUT])
        self._table = read_table(bundle, spec.embeddings)
        self._tokenizer = read_tokenizer(bundle, spec.tokenizer)

    def embed(self, texts: Sequence[str]) -> Floats:
        """Texts as they are to embeddings (texts, width) of length 1.

        One at a time: each keeps its own INT8 ranges, whatever stands beside it.
        """
        ids = np.array([encoded.ids for encoded in self._tokenizer.encode_batch(list(texts))], np.int64)
        return np.concatenate([self._embed(ids[text : text + 1]) for text in range(len(ids))])

    def _embed(self, ids: NDArray[np.int64]) -> Floats:
        (embedded,) = self._tower.run([_OUTPUT], {"ids": ids, "embeds": self._table[ids].astype(np.float32)})
        return unit(embedded)


def has_tower(bundle: Bundle) -> bool:
    """Whether a bundle of a dual encoder can read texts on the device."""
    return bundle.manifest.HasField("matching") and bool(bundle.manifest.local.decoder)
