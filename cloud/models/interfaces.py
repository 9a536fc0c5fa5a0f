"""What the engine calls of a model. A test hands it a table of tensors instead."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from torch import Tensor

from protos import bundle_pb2 as pb
from protos.arrays import Floats
from protos.text.decoding import LogitsProcessor
from splitter.families import DecoderBatch, Prefix


class VisionModel(Protocol):
    """A model that encodes images, from any cut on."""

    digest: str
    numerics: str  # what its numbers depend on beside the bundle: device, dtype, libraries
    cuts: Sequence[str]  # where pictures enter, in order; at the last one they are image tokens

    def use_threads(self) -> None:
        """Have torch compute in the calling thread with as many threads as suit this model."""

    def advance(
        self, cut: str, until: str, pictures: Sequence[Mapping[str, Tensor]]
    ) -> Sequence[Mapping[str, Tensor]]:
        """Boundaries of pictures at one cut to those at a later one, or the same, each (tiles, ...). At the
        last cut that is one tensor, (tiles, tokens, width).
        """


class GenerativeModel(VisionModel, Protocol):
    """A model that answers questions about images."""

    stop_tokens: frozenset[int]
    logits_processor: LogitsProcessor

    def decoder_prompt(self, prompt: Sequence[int]) -> list[int]:
        """What the decoder has read of a prompt before the first token of the answer."""

    def detokenize(self, ids: list[int]) -> str:
        """Token ids as text, special tokens left out."""

    def decoder_batch(self, prompts: Sequence[Sequence[int]], image_tokens: Tensor) -> DecoderBatch:
        """Prompts with their image tokens in place, ready for the prefill."""

    def prefix_length(self, prompt: Sequence[int]) -> int:
        """How many tokens of a prompt, up to the end of its picture, another question about it may share; 0
        for none.
        """

    def indivisible_length(self, prompt: Sequence[int]) -> int:
        """How many tokens, from a prompt's first on, are read in one step; what follows may be read in
        slices.
        """

    def resumed_batch(self, prompts: Sequence[Sequence[int]], prefixes: Sequence[Prefix]) -> DecoderBatch:
        """Whole prompts, and what was read of each before, ready for the prefill of what follows."""


class EmbeddingModel(VisionModel, Protocol):
    """A model that embeds images and texts in one space."""

    matching: pb.Matching

    def cached_texts(self, texts: Iterable[str]) -> dict[str, Floats]:
        """Those of the texts that need no model any more, with their embeddings (width) of length 1."""

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """Texts to embeddings (texts, width) of length 1."""
