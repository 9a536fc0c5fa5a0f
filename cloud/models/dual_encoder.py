"""The cloud's half of a dual encoder's bundle: pictures from any cut, and texts, to embeddings."""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch
from tokenizers import Tokenizer

from cloud.models.placement import Placement
from cloud.models.tail import Tail, VisionTail
from protos.arrays import Floats
from protos.bundle import PICTURE_CUT, Bundle
from protos.matching import label_texts
from splitter.families import Matching
from splitter.families.texts import embed_texts

_MAX_KEPT = 20_000  # embeddings of texts; at a width of 768 that is 60 MB


class DualEncoder(VisionTail):
    """Everything that compares pictures with texts for one bundle. A camera asks with the same labels again
    and again: they are kept.
    """

    _family: Matching

    def __init__(self, bundle: Bundle, placement: Placement) -> None:
        super().__init__(bundle, placement)
        self.matching = bundle.manifest.matching
        self._tokenizer = Tokenizer.from_file(str(bundle.file(self.matching.tokenizer)))
        self._kept: OrderedDict[str, Floats] = OrderedDict()

    def embed(self, texts: Sequence[str]) -> Floats:
        """Texts to embeddings (texts, width) of length 1; on the thread that runs the model."""
        new = [text for text in dict.fromkeys(texts) if text not in self._kept]
        if new:
            embedded = embed_texts(self._family, self._model, self._tokenizer, new)
            self._kept.update(zip(new, embedded.cpu().numpy(), strict=True))
        for text in texts:
            self._kept.move_to_end(text)
        found = np.stack([self._kept[text] for text in texts])
        while len(self._kept) > _MAX_KEPT:
            self._kept.popitem(last=False)
        return found

    @torch.inference_mode()
    def warm(self) -> None:
        """One picture and the bundle's own labels, so that no caller pays for what torch sets up at first
        use.
        """
        self.enter(PICTURE_CUT, [{PICTURE_CUT: torch.zeros(1, *self._family.pixel_shape(self._model))}])
        self.embed(label_texts(self.matching, self.matching.labels or ["?"]))


def open_tail(bundle: Bundle, placement: Placement) -> Tail | DualEncoder:
    """A bundle's model, whichever sort it is. Raises BundleError or CheckpointError."""
    return DualEncoder(bundle, placement) if bundle.manifest.HasField("matching") else Tail(bundle, placement)
