"""The cloud's half of a bundle that answers questions: the vision tail and the language model."""

import time
from collections.abc import Sequence

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from cloud.models.placement import Placement
from cloud.models.vision_tail import VisionTail
from protos.bundle import PICTURE_CUT, Bundle
from protos.text.decoding import LogitsProcessor
from protos.text.prompt import PromptBuilder
from splitter.families import DecoderBatch, Generative, Prefix
from splitter.families.causal import Causal

_ANSWER_TOKENS = 16  # of a usual answer


class Tail(VisionTail):
    """Everything that answers questions for one bundle."""

    _family: Generative

    def __init__(self, bundle: Bundle, placement: Placement, *, weights: bool = True) -> None:
        super().__init__(bundle, placement, weights=weights)
        prompt = bundle.manifest.prompt
        self.stop_tokens = frozenset(prompt.stop_tokens)
        self.logits_processor = LogitsProcessor(prompt.decoding, self.stop_tokens)
        self._tokenizer = Tokenizer.from_file(str(bundle.folder("cloud") / "tokenizer.json"))
        self.prompts = PromptBuilder(self._tokenizer, prompt, self.limits)

    def detokenize(self, ids: list[int]) -> str:
        """Token ids as text, special tokens left out."""
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))

    def decoder_prompt(self, prompt: Sequence[int]) -> list[int]:
        """What the decoder has read of a prompt before the first token of the answer."""
        return self._family.decoder_prompt(self.model, prompt)

    def decoder_batch(self, prompts: Sequence[Sequence[int]], image_tokens: Tensor) -> DecoderBatch:
        """Prompts with each its image tokens in place, ready for the prefill.

        `image_tokens` (tiles, tokens, width): those of the first prompt's tiles, then of the second's.
        """
        return self._family.rows(self.model, prompts, image_tokens)

    def prefix_length(self, prompt: Sequence[int]) -> int:
        """How many tokens of a prompt, up to the end of its picture, another question about it may share; 0
        for none.
        """
        return self._family.prefix_length(self.model, prompt)

    def indivisible_length(self, prompt: Sequence[int]) -> int:
        """How many tokens, from a prompt's first on, are read in one step; what follows may be read in
        slices.
        """
        return self._family.indivisible_length(self.model, prompt)

    def resumed_batch(self, prompts: Sequence[Sequence[int]], prefixes: Sequence[Prefix]) -> DecoderBatch:
        """Whole prompts, and what was read of each before, ready for the prefill of what follows."""
        return self._family.resumed(self.model, prompts, prefixes)

    @property
    def decoder(self) -> nn.Module | None:
        """The module whose forward is a decode step; None where the family has none by itself."""
        return self._family.decoder(self.model) if isinstance(self._family, Causal) else None

    def trial_batch(self, rows: int) -> DecoderBatch:
        """The same short question about a noisy picture in each row, ready for the prefill."""
        image_tokens = self.enter(PICTURE_CUT, self._trial_pictures()[1:])
        prompts = [self.prompts.build("?")] * rows
        return self.decoder_batch(prompts, image_tokens.repeat(rows, 1, 1))

    @torch.inference_mode()
    def trial_seconds(self) -> float:
        """What an answer about each of some pictures takes, by a step of each kind."""
        began = time.perf_counter()
        image_tokens = self.enter(PICTURE_CUT, self._trial_pictures())
        batch = self.decoder_batch([self.prompts.build("?")] * len(image_tokens), image_tokens)
        batch.prefill()
        prefilled = time.perf_counter()
        batch.decode([0] * len(image_tokens))
        return prefilled - began + _ANSWER_TOKENS * (time.perf_counter() - prefilled)

    @torch.inference_mode()
    def warm(self) -> bool:
        """Run some pictures and prompts, so that no caller pays for what torch sets up at first use. Whether
        the dtype can hold what the model computes.
        """
        image_tokens = self.enter(PICTURE_CUT, self._trial_pictures())
        batch = self.decoder_batch([self.prompts.build("?")] * len(image_tokens), image_tokens)
        logits = torch.stack([batch.prefill(), batch.decode([0] * len(image_tokens))])
        return not bool(logits.isnan().any())
