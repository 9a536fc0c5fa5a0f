"""Prompts and the tokens behind them, side by side: what is read and chosen in one step.

A token is a number; what is none is one of the negative constants.
"""

import logging
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from cloud.models.interfaces import GenerativeModel
from cloud.runner.sampling import Sampler, next_tokens
from splitter.families import DecoderBatch, Prefix

_log = logging.getLogger(__name__)
NOT_FINITE = -1  # the logits hold NaN
AT_FAULT = -2  # model code raised for this sequence


class Prompt(NamedTuple):
    """A sequence that is yet to be begun. `key` names it in its batch, and in those that it joins."""

    key: int
    tokens: Sequence[int]
    sampler: Sampler | None  # None: greedy
    image_tokens: Tensor | None  # (tiles, tokens, width)
    prefix: Prefix | None  # what was read of the prompt for another question


@dataclass(eq=False)
class _Sequence:
    key: int
    sampler: Sampler | None
    decoder_prompt: list[int]  # what the decoder has read before the first token
    tokens: list[int] = field(default_factory=list)

    def allowed(self, model: GenerativeModel, logits: Tensor) -> Tensor:
        """The logits (vocabulary) of its next token by the bundle's rules."""
        return model.logits_processor.process(logits, self.decoder_prompt, self.tokens)

    def rewind(self) -> None:
        """Let the next random number be that of the next token."""
        if self.sampler:
            self.sampler.rewind(len(self.tokens))


class Sequences:
    """Sequences of one model, a row each."""

    def __init__(self, model: GenerativeModel, rows: Sequence[_Sequence], decoder: DecoderBatch) -> None:
        self.model, self.rows = model, list(rows)
        self._decoder: DecoderBatch | None = decoder

    @classmethod
    def of(cls, model: GenerativeModel, prompts: Sequence[Prompt]) -> "Sequences":
        """Prompts that all resume, or all do not, ready for the prefill."""
        rows = [
            _Sequence(prompt.key, prompt.sampler, model.decoder_prompt(prompt.tokens)) for prompt in prompts
        ]
        return cls(model, rows, _decoder_batch(model, prompts))

    @property
    def decoder(self) -> DecoderBatch:
        if self._decoder is None:
            raise RuntimeError("these sequences were lost in a step that raised")
        return self._decoder

    @contextmanager
    def reading(self) -> Iterator[DecoderBatch]:
        """Around what reads prompts, or has rows leave. Where it raises, the decoder is used no more: what
        was done may be done in some of its layers only.
        """
        decoder, self._decoder = self.decoder, None
        yield decoder
        self._decoder = decoder

    def keep(self, keys: Sequence[int]) -> DecoderBatch:
        """Let all sequences but these leave, and have them in this order."""
        places = {row.key: place for place, row in enumerate(self.rows)}
        with self.reading() as decoder:
            decoder.keep([places[key] for key in keys])
        self.rows = [self.rows[places[key]] for key in keys]
        return decoder

    def prefixes(self, decoder: DecoderBatch, lengths: Mapping[int, int]) -> list[Prefix | None]:
        """Copies of what was read of the first so many tokens, by key."""
        wanted = [lengths.get(row.key, 0) for row in self.rows]
        return [decoder.prefix(row, length) if length else None for row, length in enumerate(wanted)]

    def decode(self, keys: Sequence[int]) -> Tensor:
        """Logits (rows, vocabulary) behind the last tokens of these."""
        return self.keep(keys).decode([row.tokens[-1] for row in self.rows])

    def merge(self, other: "Sequences") -> None:
        """Take another batch's sequences in; where it raises, both are as they were."""
        self.decoder.merge(other.decoder)
        self.rows += other.rows

    def select(self, keys: Sequence[int]) -> "Sequences":
        """Copies of these, in a batch of their own."""
        places = {row.key: place for place, row in enumerate(self.rows)}
        decoder = self.decoder.select([places[key] for key in keys])
        return Sequences(self.model, [self.rows[places[key]] for key in keys], decoder)

    def choose(self, logits: Tensor) -> list[int]:
        """The next token of each from the logits (rows, vocabulary). Where that raises, of each row alone, so
        that only the one at fault fails; none is decoded again, since the decoder has read the last tokens.
        """
        try:
            tokens = _choose(self.model, self.rows, logits)
        except Exception:  # noqa: BLE001 - a bundle's rules may raise anything; what does is logged below
            tokens = [
                _choose_alone(self.model, row, own)
                for row, own in zip(self.rows, logits[:, None], strict=True)
            ]
        for row, token in zip(self.rows, tokens, strict=True):
            row.tokens.append(token)
        return tokens


class SliceRead(NamedTuple):
    """A slice of a prompt was read."""

    seconds: float
    sequences: Sequences


class Prefilled(NamedTuple):
    """Prompts were read to their ends."""

    seconds: float
    sequences: Sequences
    tokens: Sequence[int]  # the first of each
    prefixes: Sequence[Prefix | None]  # of those that were asked for, where there is one


@torch.inference_mode()
def read(
    model: GenerativeModel, prompts: Sequence[Prompt], begun: Sequences | None, tokens: int
) -> SliceRead:
    """Read a slice of a single prompt, which `begun` has read in part."""
    began = time.monotonic()
    model.use_threads()
    sequences = begun or Sequences.of(model, [Prompt(*prompt) for prompt in prompts])
    with sequences.reading() as decoder:
        decoder.read(tokens)
    return SliceRead(time.monotonic() - began, sequences)


@torch.inference_mode()
def prefill(
    model: GenerativeModel, prompts: Sequence[Prompt], begun: Sequences | None, shared: Collection[int]
) -> Prefilled:
    """Read prompts with their image tokens, up to the first token of each; what `begun` has read in part, to
    its end. Prefixes are copied of those with keys in `shared`, as far as they have some that another
    question can go on from.
    """
    began = time.monotonic()
    model.use_threads()
    prompts = [Prompt(*prompt) for prompt in prompts]
    lengths = {prompt.key: model.prefix_length(prompt.tokens) for prompt in prompts if prompt.key in shared}
    sequences = begun or Sequences.of(model, prompts)
    with sequences.reading() as decoder:
        logits = decoder.prefill()
        prefixes = sequences.prefixes(decoder, lengths)
        tokens = sequences.choose(logits)
    return Prefilled(time.monotonic() - began, sequences, tokens, prefixes)


@torch.inference_mode()
def decode(sequences: Sequences, keys: Sequence[int]) -> Sequence[int]:
    """The next token of each of these; the others leave. Where it raises, the sequences are as they were."""
    sequences.model.use_threads()
    return sequences.choose(sequences.decode(keys))


@torch.inference_mode()
def merge(sequences: Sequences, keys: Sequence[int], other: Sequences, others: Sequence[int]) -> None:
    """Let these of one batch have those of another beside them."""
    sequences.keep(keys)
    other.keep(others)
    sequences.merge(other)


@torch.inference_mode()
def split(sequences: Sequences, keys: Sequence[int]) -> Sequences:
    """Some of them in a batch of their own; the other's next step drops them."""
    return sequences.select(keys)


def _choose_alone(model: GenerativeModel, row: _Sequence, logits: Tensor) -> int:
    try:
        row.rewind()
        (token,) = _choose(model, [row], logits)
    except Exception:  # noqa: BLE001 - as above
        _log.exception("the choice of a token failed; the other answers go on")
        return AT_FAULT
    return token


def _choose(model: GenerativeModel, rows: Sequence[_Sequence], logits: Tensor) -> list[int]:
    """One token a row. NaN in a row, which FP16 makes of features out of all bounds, spoils that row only."""
    if model.logits_processor.active:
        logits = torch.stack([row.allowed(model, own) for row, own in zip(rows, logits, strict=True)])
    spoilt = logits.amax(-1).isnan().tolist()
    tokens = next_tokens(logits, [row.sampler for row in rows])
    return [NOT_FINITE if nan else token for token, nan in zip(tokens, spoilt, strict=True)]


def _decoder_batch(model: GenerativeModel, prompts: Sequence[Prompt]) -> DecoderBatch:
    tokens = [prompt.tokens for prompt in prompts]
    if prefixes := [prompt.prefix for prompt in prompts if prompt.prefix]:
        return model.resumed_batch(tokens, prefixes)
    return model.decoder_batch(tokens, torch.cat([_image_tokens(prompt) for prompt in prompts]))


def _image_tokens(prompt: Prompt) -> Tensor:
    return torch.empty(0) if prompt.image_tokens is None else prompt.image_tokens
