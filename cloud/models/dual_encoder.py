"""The cloud's half of a dual encoder's bundle: pictures from any cut, and texts, to embeddings."""

import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from tokenizers import Tokenizer

from cloud.models.placement import Placement
from cloud.models.vision_tail import VisionTail
from protos.arrays import Floats
from protos.bundle import PICTURE_CUT, Bundle
from protos.matching import label_texts
from splitter.families import Matching
from splitter.families.texts import embed_texts

_MAX_TEXTS = 20_000  # in the cache; at a width of 768 their embeddings take 60 MB


class DualEncoder(VisionTail):
    """Everything that compares pictures with texts for one bundle.

    A camera asks with the same labels again and again, so embeddings of texts are cached.
    """

    _family: Matching

    def __init__(self, bundle: Bundle, placement: Placement, *, weights: bool = True) -> None:
        super().__init__(bundle, placement, weights=weights)
        self.matching = bundle.manifest.matching
        self._tokenizer = Tokenizer.from_file(str(bundle.file(self.matching.tokenizer)))
        self._text_cache: OrderedDict[str, Floats] = OrderedDict()

    def cached_texts(self, texts: Iterable[str]) -> dict[str, Floats]:
        """Those of the texts that need no model any more, with their embeddings (width) of length 1; on the
        thread that runs the model.
        """
        cached = {text: self._text_cache[text] for text in texts if text in self._text_cache}
        for text in cached:
            self._text_cache.move_to_end(text)
        return cached

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """Texts to embeddings (texts, width) of length 1, and into the cache; on the thread that runs the
        model.
        """
        embeddings: Floats = embed_texts(self._family, self.model, self._tokenizer, texts).cpu().numpy()
        for text, row in zip(texts, embeddings, strict=True):
            self._text_cache[text] = row.copy()  # a view would keep the whole request's embeddings
        while len(self._text_cache) > _MAX_TEXTS:
            self._text_cache.popitem(last=False)
        return embeddings

    def trial_seconds(self) -> float:
        """What some pictures take."""
        with torch.inference_mode():
            began = time.perf_counter()
            self.enter(PICTURE_CUT, self._trial_pictures())
            return time.perf_counter() - began

    @torch.inference_mode()
    def warm(self) -> bool:
        """Run some pictures and the bundle's own labels, so that no caller pays for what torch sets up at
        first use. Whether the dtype can hold what the model computes.
        """
        pictures = self.enter(PICTURE_CUT, self._trial_pictures())
        texts = self.embed_texts(label_texts(self.matching, self.matching.labels or ["?"]))
        return bool(pictures.isfinite().all()) and bool(np.isfinite(texts).all())
