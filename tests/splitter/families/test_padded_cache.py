"""Rows that come and go: an answer does not depend on its company, whatever the decoder keeps of it."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor
from transformers import DynamicCache, Gemma3TextConfig
from transformers.cache_utils import DynamicLayer

from splitter.evaluate.verify import image_tokens
from splitter.families import DecoderBatch, padded_cache
from splitter.families.padded_cache import PaddedCache
from tests.splitter.families.made import Made

QUESTIONS = (
    "what",
    "what color is the circle",
    "is there a red square",
    "how many circles are there and what color is the square",
)
ARRIVALS, MAX_TOKENS = 30, 24


@dataclass
class Asked:
    """One question, how long its answer gets, and what was said so far."""

    prompt: list[int]
    picture: int
    length: int
    said: list[int] = field(default_factory=list)
    logits: list[Tensor] = field(default_factory=list)

    def take(self, logits: Tensor) -> None:
        self.said.append(int(logits.argmax()))
        self.logits.append(logits)


def prompts(made: Made) -> list[list[int]]:
    template = made.family.prompt_template(made.model, made.processor)
    tokenizer = made.processor.tokenizer
    return [
        tokenizer(template.replace("{question}", question), add_special_tokens=False)["input_ids"]
        for question in QUESTIONS
    ]


def prefilled(made: Made, asked: list[Asked], pictures: Tensor) -> DecoderBatch:
    batch = made.family.rows(
        made.model, [one.prompt for one in asked], pictures[[one.picture for one in asked]]
    )
    for one, logits in zip(asked, batch.prefill(), strict=True):
        one.take(logits)
    return batch


def decode(batch: DecoderBatch, running: list[Asked]) -> None:
    for one, logits in zip(running, batch.decode([one.said[-1] for one in running]), strict=True):
        one.take(logits)


def arrivals(made: Made, seed: int) -> Iterator[list[Asked]]:
    """What comes before each step: mostly nothing."""
    draw, known = random.Random(seed), prompts(made)
    left = ARRIVALS
    while left:
        come = min(left, draw.choice([0, 0, 1, 1, 3]))
        left -= come
        yield [Asked(draw.choice(known), draw.randrange(2), draw.randint(1, MAX_TOKENS)) for _ in range(come)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@torch.inference_mode()
def test_an_answer_does_not_depend_on_its_company(made: Made, seed: int) -> None:
    pictures = image_tokens(made.family, made.model, made.pixels)
    running: list[Asked] = []
    ended: list[Asked] = []
    batch: DecoderBatch | None = None
    coming = arrivals(made, seed)
    while (joining := next(coming, None)) is not None or running:
        if joining:
            newcomers = prefilled(made, joining, pictures)
            if batch is None:
                batch = newcomers
            else:
                batch.merge(newcomers)
            running = running + joining
        if batch is None:
            continue
        staying = [row for row, one in enumerate(running) if len(one.said) < one.length]
        ended += [one for one in running if len(one.said) >= one.length]
        running = [running[row] for row in staying]
        if not running:
            batch = None
            continue
        batch.keep(staying)
        decode(batch, running)

    assert len(ended) == ARRIVALS
    for one in ended:
        alone = Asked(one.prompt, one.picture, one.length)
        own = prefilled(made, [alone], pictures)
        while len(alone.said) < alone.length:
            decode(own, [alone])
        assert one.said == alone.said
        torch.testing.assert_close(torch.stack(one.logits), torch.stack(alone.logits), atol=1e-4, rtol=0)


def padded(length: int, rows: int, value: float, config: Gemma3TextConfig) -> PaddedCache:
    """A cache of rows of this length, all their states alike."""
    made = PaddedCache(DynamicCache(config=config), torch.ones(rows, length, dtype=torch.long))
    for layer in range(config.num_hidden_layers):
        states = torch.full((rows, 1, length, 2), value)
        made.cache.update(states, states, layer)
    return made


def test_a_cache_is_as_long_as_its_longest_row_and_a_window_no_longer_than_it_looks() -> None:
    config = Gemma3TextConfig(
        num_hidden_layers=2, layer_types=["sliding_attention", "full_attention"], sliding_window=4
    )
    rows = padded(6, 1, 1.0, config)
    rows.merge(padded(2, 2, 2.0, config))
    assert rows.mask.tolist() == [[1] * 6, [0] * 4 + [1] * 2, [0] * 4 + [1] * 2]
    sliding, full = rows.cache.layers
    assert (sliding.keys.shape[2], full.keys.shape[2]) == (3, 6)
    assert sliding.keys[1, 0, :, 0].tolist() == [0, 2, 2]
    assert rows.next_positions.flatten().tolist() == [5, 1, 1]

    rows.keep([2])

    assert rows.mask.tolist() == [[1, 1]]
    assert [layer.keys.shape for layer in (sliding, full)] == [(1, 1, 2, 2)] * 2
    assert [layer.get_seq_length() for layer in (sliding, full)] == [2, 2]
    assert torch.equal(full.values, torch.full((1, 1, 2, 2), 2.0))


@pytest.mark.parametrize("good", range(5))
def test_rows_leave_where_memory_runs_out_and_the_others_are_as_they_were(
    good: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is there for so many copies, of two layers' keys and values."""
    cache, states = DynamicCache(), torch.arange(4 * 6.0).reshape(4, 1, 6, 1)
    for layer in range(2):
        cache.update(states + 100 * layer, -states - 100 * layer, layer)
    mask = torch.tensor([[1] * 6, [0, 0, 1, 1, 1, 1], [1] * 6, [0, 0, 0, 1, 1, 1]])
    padded, copies = PaddedCache(cache, mask), iter(range(100))
    shorten = padded_cache.with_left

    def selecting(layer: DynamicLayer, rows: Tensor) -> None:
        """As transformers has it. Whoever replaces what torch.Tensor itself does leaves a process where
        torch.tensor takes no list of tensors any more, even once that is undone.
        """
        for name in ("keys", "values"):
            if next(copies) >= good:
                raise torch.OutOfMemoryError("CUDA out of memory")
            setattr(layer, name, getattr(layer, name)[rows])

    def shortening(tensor: Tensor, length: int) -> Tensor:
        if tensor.ndim == 4 and next(copies) >= good:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return shorten(tensor, length)

    monkeypatch.setattr(DynamicLayer, "batch_select_indices", selecting)
    monkeypatch.setattr(padded_cache, "with_left", shortening)
    padded.keep([1, 3])
    monkeypatch.undo()
    assert padded.mask.tolist() == [[1, 1, 1, 1], [0, 1, 1, 1]]
    for number, layer in enumerate(cache.layers):
        expected = states[[1, 3], :, 2:] + 100 * number
        assert torch.equal(layer.keys, expected)
        assert torch.equal(layer.values, -expected)


@torch.inference_mode()
def test_a_row_that_is_no_number_spoils_no_other_row_and_leaves_nothing_to_those_that_come(
    made: Made,
) -> None:
    pictures = image_tokens(made.family, made.model, made.pixels)
    pictures[1] = torch.nan
    question, other, last = prompts(made)[:3]
    whole, spoilt, newcomer = Asked(question, 0, 0), Asked(other, 1, 0), Asked(last, 0, 0)
    batch = prefilled(made, [whole, spoilt], pictures)
    decode(batch, [whole, spoilt])
    assert spoilt.logits[-1].isnan().all()
    batch.keep([0])
    batch.merge(prefilled(made, [newcomer], pictures))
    for _ in range(2):
        decode(batch, [whole, newcomer])
    for one in (whole, newcomer):
        alone = Asked(one.prompt, one.picture, 0)
        own = prefilled(made, [alone], pictures)
        while len(alone.said) < len(one.said):
            decode(own, [alone])
        torch.testing.assert_close(torch.stack(one.logits), torch.stack(alone.logits), atol=1e-4, rtol=0)
