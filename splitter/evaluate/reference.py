"""The reference model: what head, codec and tail are held against, in memory while it is needed."""

from collections.abc import Callable

import torch

from splitter.evaluate.matching import ReferenceDualEncoder
from splitter.evaluate.verify import ReferenceModel
from splitter.families import Family, Matching
from splitter.memory import trim_memory


class Reference:
    """Holds the reference model: reads it when it is first asked for, and again after a release."""

    def __init__(
        self,
        family: Family,
        read: Callable[[], ReferenceModel | ReferenceDualEncoder],
        *,
        with_language: bool,
    ) -> None:
        """`with_language`: whether `read` brings the language model, where the family has one."""
        self.family, self.with_language, self._read = family, with_language, read
        self._held: ReferenceModel | ReferenceDualEncoder | None = None

    @property
    def answers(self) -> bool:
        """Whether questions can be asked: of no dual encoder, and of no model without its language model."""
        return self.with_language and not isinstance(self.family, Matching)

    def get(self) -> ReferenceModel | ReferenceDualEncoder:
        """The model, without its language model where that is left out."""
        if self._held is None:
            self._held = self._read()
        return self._held

    def generative(self) -> ReferenceModel:
        """The model, of a family that answers questions."""
        held = self.get()
        if isinstance(held, ReferenceDualEncoder):
            raise TypeError("a dual encoder answers no questions")
        return held

    def dual_encoder(self) -> ReferenceDualEncoder | None:
        """The model, of a dual encoder; None, and nothing is read, for a family that answers questions."""
        if not isinstance(self.family, Matching):
            return None
        held = self.get()
        return held if isinstance(held, ReferenceDualEncoder) else None

    def release(self) -> None:
        """Drop a model without its language model from memory; the next `get` reads it anew, in seconds."""
        if self.with_language or self._held is None:
            return
        for weight in self._held.model.parameters():
            # onnxscript's rewriter holds on to the last graph that it saw, and so to the weights
            if not weight.is_meta:
                weight.data = torch.empty(0)
        self._held = None
        trim_memory()
