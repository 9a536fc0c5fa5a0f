"""A language model on the device: image tokens and a question in, text out, in onnxruntime."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from edge.models import runtime
from protos.arrays import Floats
from protos.bundle import Bundle
from protos.errors import BundleDamaged, NoRoute
from protos.pictures.tiles import ONE_TILE, Grid
from protos.text.confidence import AnswerConfidence
from protos.text.decoding import LogitsProcessor
from protos.text.detokenizer import IncrementalDetokenizer
from protos.text.prompt import PromptBuilder


def available(bundle: Bundle) -> bool:
    """Whether a bundle holds what a device needs to answer alone."""
    return bundle.manifest.HasField("local")


class LocalModel:
    """Decoder, embeddings and tokenizer of a bundle. Raises NoRoute where it has none, BundleDamaged where
    they are broken.
    """

    def __init__(self, bundle: Bundle, threads: int = 1, provider: str = "") -> None:
        if not available(bundle):
            raise NoRoute(
                f"bundle {bundle.path} cannot answer on the device; split it again with --with-local, or "
                "give a cloud"
            )
        bundle = bundle.device_model
        manifest = bundle.manifest
        self._spec, self._prompt, self._limits = manifest.local, manifest.prompt, manifest.limits
        self._decoder = runtime.session(
            bundle.file(self._spec.decoder), threads, runtime.place(bundle, self._spec.precision, provider)
        )
        self._table = read_table(bundle, self._spec.embeddings)
        self._logits_processor = LogitsProcessor(self._prompt.decoding, self._prompt.stop_tokens)
        self._tokenizer = read_tokenizer(bundle, self._spec.tokenizer)
        self.prompts = PromptBuilder(
            self._tokenizer, self._prompt, self._limits, max_tokens=self._spec.max_tokens - 1
        )

    def answer(
        self,
        image_tokens: Floats,
        question: str,
        max_tokens: int = 0,
        grid: Grid = ONE_TILE,
        confidence: AnswerConfidence | None = None,
    ) -> Iterator[str]:
        """The answer in pieces of text, as they come, most likely token first; joined they are the whole
        answer.

        `image_tokens` (count, width) of all tiles of the picture's `grid`; `max_tokens` 0 means the bundle's
        limit; `confidence` is told of every token. Raises PromptError, at the call and not later.
        """
        ids = self.prompts.build(question, grid)
        room = min(
            max_tokens or self._limits.max_new_tokens,
            self._limits.max_new_tokens,
            self._spec.max_tokens - len(ids),
        )
        return self._pieces(self.generate(ids, self.embed(ids, image_tokens), room, confidence))

    def embed(self, ids: list[int], image_tokens: Floats | None = None) -> Floats:
        """Tokens to embeddings (1, count, width), the image tokens in the places of their mark."""
        embeds = self._table[ids].astype(np.float32)
        if image_tokens is not None:
            count = ids.count(self._prompt.image_token)
            if image_tokens.shape != (count, embeds.shape[1]):
                wanted = f"{count} x {embeds.shape[1]}"
                raise BundleDamaged(
                    f"the head gives image tokens {image_tokens.shape}, the decoder takes {wanted}; split "
                    "the model again"
                )
            embeds[np.array(ids) == self._prompt.image_token] = image_tokens
        return embeds[None]

    def step(self, embeds: Floats, past: Floats | None = None) -> tuple[Floats, Floats]:
        """Embeddings (1, count, width) behind a past: the logits (vocabulary) of the next token, and the past
        that includes them.
        """
        if past is None:
            past = np.zeros(tuple(self._spec.past_shape), np.float32)
        logits, present = self._decoder.run(["logits", "present"], {"embeds": embeds, "past": past})
        return logits[0], present

    def generate(
        self,
        prompt: Sequence[int],
        embeds: Floats,
        max_tokens: int,
        confidence: AnswerConfidence | None = None,
    ) -> Iterator[int]:
        """The greedy tokens behind a prompt, whose embeddings are given, without the one that stops."""
        past, answer = None, list[int]()
        while len(answer) < max_tokens:
            logits, past = self.step(embeds, past)
            processed = self._logits_processor.process(logits, prompt, answer)
            if confidence:
                confidence.add(processed)
            token = int(np.argmax(processed))
            if token in self._prompt.stop_tokens:
                return
            answer.append(token)
            yield token
            embeds = self.embed([token])

    def _pieces(self, tokens: Iterator[int]) -> Iterator[str]:
        detokenizer = IncrementalDetokenizer(partial(self._tokenizer.decode, skip_special_tokens=True))
        for token in tokens:
            if piece := detokenizer.add(token):
                yield piece
        if piece := detokenizer.end():
            yield piece


def read_table(bundle: Bundle, path: str) -> NDArray[np.float16]:
    """The embeddings (vocabulary, width) of all tokens, mapped into memory and not read. Raises
    BundleDamaged.
    """
    try:
        table: NDArray[np.float16] = np.load(bundle.file(path), mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise BundleDamaged(
            f"{path} is not a table of embeddings ({error}); split the model again", file=path
        ) from error
    if table.ndim != 2:
        raise BundleDamaged(
            f"{path} has {table.ndim} dimensions, a table of embeddings has 2; split the model again",
            file=path,
        )
    return table


def read_tokenizer(bundle: Bundle, path: str) -> Tokenizer:
    """A bundle's tokenizer. Raises BundleDamaged."""
    try:
        return Tokenizer.from_file(str(bundle.file(path)))
    except BundleDamaged:
        raise
    except Exception as error:  # tokenizers raises nothing narrower
        raise BundleDamaged(
            f"{path} is not a tokenizer ({error}); split the model again", file=path
        ) from error
